using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Groups;

/// <summary>What is known about a partition when a group's offset in it is to be reset.</summary>
/// <param name="Partition">Which.</param>
/// <param name="Start">The first offset kept.</param>
/// <param name="End">The high watermark.</param>
/// <param name="Committed">The group's committed offset; -1 without one.</param>
/// <param name="AtTime">The offset of the time asked for; -1 when every record is older, or no time was asked for.</param>
internal readonly record struct PartitionOffsets(TopicPartition Partition, long Start, long End, long Committed, long AtTime);

/// <summary>One partition's part of a reset.</summary>
/// <param name="State">What is known about the partition.</param>
/// <param name="NewOffset">What the group's offset becomes.</param>
internal readonly record struct PlannedReset(PartitionOffsets State, long NewOffset)
{
    /// <summary>How many records the group will read again (negative) or never (positive); null without a committed offset.</summary>
    public long? Change => State.Committed < 0 ? null : NewOffset - State.Committed;
}

/// <summary>A reset, worked out before it is carried out.</summary>
internal static class GroupResetPlan
{
    /// <summary>Works it out from what is known.</summary>
    /// <exception cref="FormatException">It cannot be done for some partition.</exception>
    public static IReadOnlyList<PlannedReset> Make(IEnumerable<PartitionOffsets> partitions, OffsetReset reset) =>
        [.. partitions.Select(state => new PlannedReset(state, reset.Apply(state)))];

    /// <summary>Asks the cluster for what a plan needs to know.</summary>
    public static async Task<IReadOnlyList<PartitionOffsets>> ReadStateAsync(
        AdminClient admin,
        string group,
        IReadOnlyList<TopicPartition> partitions,
        OffsetReset reset,
        CancellationToken cancellationToken)
    {
        var starts = await admin.ListOffsetsAsync(partitions, LogPosition.Beginning, cancellationToken).ConfigureAwait(false);
        var ends = await admin.ListOffsetsAsync(partitions, LogPosition.End, cancellationToken).ConfigureAwait(false);
        var times = reset.Kind != OffsetResetKind.Time
            ? null
            : await admin.ListOffsetsAsync(
                partitions, LogPosition.AtTime(DateTimeOffset.FromUnixTimeMilliseconds(reset.Value)), cancellationToken)
                .ConfigureAwait(false);
        var committed = await CommittedAsync(admin, group, cancellationToken).ConfigureAwait(false);
        return
        [
            .. partitions.Select(partition => new PartitionOffsets(
                partition,
                starts[partition],
                ends[partition],
                committed.GetValueOrDefault(partition, -1),
                times?[partition] ?? -1)),
        ];
    }

    private static async Task<Dictionary<TopicPartition, long>> CommittedAsync(
        AdminClient admin, string group, CancellationToken cancellationToken)
    {
        try
        {
            var offsets = await admin.ListGroupOffsetsAsync(group, cancellationToken).ConfigureAwait(false);
            return offsets.ToDictionary(static offset => offset.Partition, static offset => offset.Offset);
        }
        catch (OrleansLogException exception) when (exception.Error == ErrorCode.GroupIdNotFound)
        {
            return []; // setting its offsets makes the group
        }
    }
}
