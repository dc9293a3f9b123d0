namespace OrleansLog.Engine.Storage;

/// <summary>What becomes of old records; both may hold at once.</summary>
[Flags]
public enum CleanupPolicies
{
    /// <summary>Nothing is ever removed; not a valid configuration.</summary>
    None = 0,
    /// <summary>Whole segments are deleted by age and size.</summary>
    Delete = 1,
    /// <summary>The last record of each key is kept.</summary>
    Compact = 2,
}
