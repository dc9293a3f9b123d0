namespace OrleansLog.Silo;

/// <summary>Whether the silo has started. Thread-safe.</summary>
internal sealed class StartupProgress
{
    private volatile bool _isStarted;

    /// <summary>Whether it has; never becomes false again.</summary>
    public bool IsStarted
    {
        get => _isStarted;
        set => _isStarted = value;
    }
}
