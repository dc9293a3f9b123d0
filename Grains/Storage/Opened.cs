namespace OrleansLog.Grains.Storage;

/// <summary>
/// What a grain opens with the first call that needs it and keeps until it is closed; calls that come while it is being opened share the
/// one attempt, and its failure. Used on the grain's own turns only.
/// </summary>
/// <param name="open">Opens it.</param>
/// <typeparam name="T">What is opened; disposed of to close it.</typeparam>
internal sealed class Opened<T>(Func<Task<T>> open)
    where T : class, IAsyncDisposable
{
    private Task<T>? _opening;

    /// <summary>What is open now; null when nothing is, or it is still being opened.</summary>
    public T? Current { get; private set; }

    /// <summary>Opens it, or joins whoever does.</summary>
    /// <returns>What was opened; and whether this is the first to hear of it, and it is <see cref="Current"/> from now on. It is not for
    /// anybody when it was closed meanwhile.</returns>
    public async Task<(T Value, bool IsFirst)> OpenAsync()
    {
        var opening = _opening ??= open();
        try
        {
            var value = await opening;
            var isFirst = ReferenceEquals(_opening, opening);
            if (isFirst) (_opening, Current) = (null, value);
            return (value, isFirst);
        }
        catch
        {
            if (ReferenceEquals(_opening, opening)) _opening = null;
            throw;
        }
    }

    /// <summary>Waits for an attempt that is under way, however it ends.</summary>
    public async Task WhenSettledAsync()
    {
        if (_opening is { } opening) await ((Task)opening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
    }

    /// <summary>Closes what is open now; an attempt that is under way goes on.</summary>
    public async Task CloseCurrentAsync()
    {
        var current = Current;
        Current = null;
        if (current is not null) await current.DisposeAsync();
    }

    /// <summary>Closes what is open, and what is being opened, once it is.</summary>
    public async Task CloseAsync()
    {
        if (_opening is { } opening)
        {
            _opening = null;
            try
            {
                await (await opening).DisposeAsync();
            }
            catch (Exception)
            {
                // Whoever asked for it hears of it.
            }
        }

        await CloseCurrentAsync();
    }
}
