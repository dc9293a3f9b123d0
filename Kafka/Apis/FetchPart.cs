using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>How much to fetch, and how long to wait for it.</summary>
/// <param name="MinBytes">Bytes to wait for, of all partitions together.</param>
/// <param name="MaxBytes">About how many bytes at most, of all partitions together.</param>
/// <param name="MaxWaitMs">The longest wait.</param>
internal readonly record struct FetchLimits(int MinBytes, int MaxBytes, int MaxWaitMs);

/// <summary>One partition of a fetch: what is asked for, and what was found. Not thread-safe.</summary>
internal sealed class FetchPart(
    int topic, Guid topicId, TopicPartition partition, long offset, int leaderEpoch, int maxBytes, bool readCommitted)
{
    /// <summary>The number of its topic within the request.</summary>
    public int Topic => topic;

    /// <summary>The topic's id, where the request names topics by their ids.</summary>
    public Guid TopicId => topicId;

    /// <summary>The partition; without a topic when it was named by an id that no topic has.</summary>
    public TopicPartition Partition { get; private set; } = partition;

    /// <summary>Whether only committed records are read.</summary>
    public bool ReadCommitted => readCommitted;

    /// <summary>Why nothing was read.</summary>
    public ErrorCode Error { get; private set; }

    /// <summary>What was read last; null with an error.</summary>
    public FetchResponse? Response { get; private set; }

    /// <summary>Bytes of records that were read.</summary>
    public int Bytes => Response?.Records.Length ?? 0;

    /// <summary>Bytes that the last read found, whatever became of them.</summary>
    public int LastBytes { get; private set; }

    /// <summary>What its leader had committed before the last read.</summary>
    public long Mark { get; set; }

    /// <summary>The most bytes to read.</summary>
    public int MaxBytes => Math.Max(1, maxBytes);

    /// <summary>Sets the topic that the id stands for.</summary>
    public void Name(string? topicName)
    {
        if (topicName is null) Error = ErrorCode.UnknownTopicId;
        else Partition = new TopicPartition(topicName, Partition.Partition);
    }

    /// <summary>The call that reads it.</summary>
    public FetchRequest Ask(int limit, int minBytes, int maxWaitMs, bool mayBeEmpty) =>
        new(offset, Math.Min(MaxBytes, limit), minBytes, maxWaitMs, readCommitted, leaderEpoch, mayBeEmpty);

    /// <summary>Takes an answer over, in place of an earlier one.</summary>
    public void Take(in Answer<FetchResponse> answer)
    {
        Response?.Records.Dispose();
        (Error, Response) = (answer.Error, answer.Value);
        LastBytes = Bytes;
    }

    /// <summary>The records, for whoever sends them.</summary>
    public RecordBytes TakeRecords()
    {
        var records = Response?.Records ?? RecordBytes.Empty;
        if (Response is not null) Response = Response with { Records = RecordBytes.Empty };
        return records;
    }
}
