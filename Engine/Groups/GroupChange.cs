using OrleansLog.Engine.Groups.Log;

namespace OrleansLog.Engine.Groups;

/// <summary>Collects the records of one call, each taken over into the group's state as it is made.</summary>
internal sealed class GroupChange(ConsumerGroup group, long nowMs)
{
    private readonly List<GroupRecord> _records = [];

    /// <summary>The records so far, in order.</summary>
    public IReadOnlyList<GroupRecord> Records => _records;

    /// <summary>When the change happens, milliseconds since the Unix epoch.</summary>
    public long NowMs { get; } = nowMs;

    /// <summary>Makes a change.</summary>
    public void Emit(GroupRecord record)
    {
        group.Apply(record, NowMs);
        _records.Add(record);
    }

    /// <summary>
    /// Raises the group's epoch, once. It goes first: were only a part of the call's records to reach the log, the epoch would
    /// still ask for a new assignment.
    /// </summary>
    public void RaiseEpoch()
    {
        if (_raised) return;
        _raised = true;
        Emit(new GroupEpochRecord(group.GroupId, checked(group.Epoch + 1)));
    }

    private bool _raised;
}
