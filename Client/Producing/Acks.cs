namespace OrleansLog.Client;

/// <summary>Whose acknowledgement a produced record waits for; the numbers are the protocol's.</summary>
public enum Acks
{
    /// <summary>Every in-sync replica: the record is committed.</summary>
    All = -1,
    /// <summary>Nobody: a delivery says only that the record was handed to the leader; its offset is -1.</summary>
    None = 0,
    /// <summary>The leader alone.</summary>
    Leader = 1,
}
