namespace OrleansLog.Client;

/// <summary>The type of a key (or value) that is always null.</summary>
public readonly record struct NoKey;
