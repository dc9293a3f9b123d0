using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// What the commit journal knows of one log, from the first time that it was opened to the end of the process. All of it under the journal's
/// lock.
/// </summary>
internal sealed class JournalLog(TopicPartition partition, Guid topicId)
{
    /// <summary>The log's partition.</summary>
    public TopicPartition Partition => partition;

    /// <summary>The id of its topic.</summary>
    public Guid TopicId => topicId;

    /// <summary>Raised whenever what was read of the log before must not go into the journal any more.</summary>
    public int Generation { get; set; }

    /// <summary>How many are changing the log in a way that what is in the journal of it does not tell of; nothing goes into it meanwhile.</summary>
    public int Bars { get; set; }

    /// <summary>The round that last held bytes of the log; 0 for none.</summary>
    public long LastEntry { get; set; }

    /// <summary>The round that last declared all before void; 0 for none.</summary>
    public long LastVoid { get; set; }

    /// <summary>Whether the log was closed before its segments held durably what the journal has of it.</summary>
    public bool NeedsRestore { get; set; }

    /// <summary>Whether something in the journal would be written to the log's segments after a crash.</summary>
    public bool HasEntries => LastEntry > LastVoid;
}
