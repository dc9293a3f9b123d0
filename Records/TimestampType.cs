namespace OrleansLog.Records;

/// <summary>What the timestamps of a batch mean; the numbers are those of the batch's attributes.</summary>
public enum TimestampType
{
    /// <summary>The time the producer gave the record.</summary>
    CreateTime = 0,
    /// <summary>The time the leader appended the batch; the batch's greatest timestamp holds for all its records.</summary>
    LogAppendTime = 1,
}
