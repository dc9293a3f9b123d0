namespace OrleansLog.Client;

/// <summary>Where a consumer starts when there is no committed offset, or the offset is out of the range kept.</summary>
public enum AutoOffsetReset
{
    /// <summary>At the end: only what is produced from then on.</summary>
    Latest = 0,
    /// <summary>At the first record kept.</summary>
    Earliest = 1,
    /// <summary>Nowhere: the enumeration throws.</summary>
    None = 2,
}
