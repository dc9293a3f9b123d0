namespace OrleansLog.Engine.Replication;

/// <summary>A leader epoch and the first offset that was appended under it.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="StartOffset">The first offset of the epoch.</param>
public readonly record struct EpochStart(int Epoch, long StartOffset);
