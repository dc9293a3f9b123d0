namespace OrleansLog.Engine.Storage;

/// <summary>Where the records of a leader epoch end in a log.</summary>
/// <param name="Epoch">The greatest epoch of the log that is not above the one asked for; -1 when there is none.</param>
/// <param name="EndOffset">The offset after the last record of that epoch; -1 when it is not known.</param>
public readonly record struct EpochEnd(int Epoch, long EndOffset)
{
    /// <summary>The log knows nothing of the epoch.</summary>
    public static EpochEnd Unknown { get; } = new(-1, -1);
}
