namespace OrleansLog.Engine.Storage;

/// <summary>A log's part in a joint round.</summary>
internal enum JournalShare
{
    /// <summary>It has to have a round of its own.</summary>
    Refused = 0,

    /// <summary>Its bytes are in the round.</summary>
    Collected = 1,

    /// <summary>All that is written is durable already.</summary>
    Nothing = 2,
}
