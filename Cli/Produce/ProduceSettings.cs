using OrleansLog.Cli.Input;
using OrleansLog.Records;

namespace OrleansLog.Cli.Produce;

/// <summary>How lines become records.</summary>
internal sealed class ProduceSettings
{
    /// <summary>The topic.</summary>
    public required string Topic { get; init; }

    /// <summary>How a line is read.</summary>
    public required LineFormat Format { get; init; }

    /// <summary>The partition all records go to; null to let the key choose.</summary>
    public int? Partition { get; init; }

    /// <summary>The headers each record gets; null for none.</summary>
    public IReadOnlyList<RecordHeader>? Headers { get; init; }

    /// <summary>The longest line taken.</summary>
    public required int MaxLineBytes { get; init; }

    /// <summary>Whether CR LF ends a line.</summary>
    public bool StripCarriageReturn { get; init; }

    /// <summary>Whether to go on after a record that failed.</summary>
    public bool KeepGoing { get; init; }
}
