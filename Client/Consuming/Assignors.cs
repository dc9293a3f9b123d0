namespace OrleansLog.Client;

/// <summary>Names of the ways in which a group's coordinator spreads partitions over members.</summary>
public static class Assignors
{
    /// <summary>For each topic by itself, runs of neighbouring partitions.</summary>
    public const string Range = "range";

    /// <summary>All partitions of all topics in turn.</summary>
    public const string RoundRobin = "roundrobin";

    /// <summary>Balanced, moving as few partitions as possible when members come and go.</summary>
    public const string Sticky = "sticky";
}
