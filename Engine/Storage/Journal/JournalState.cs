namespace OrleansLog.Engine.Storage;

/// <summary>Where a <see cref="CommitJournal"/> stands.</summary>
internal enum JournalState
{
    /// <summary>Nobody needed it yet.</summary>
    Absent = 0,

    /// <summary>Its files are being made.</summary>
    Preparing = 1,

    /// <summary>It takes rounds.</summary>
    Ready = 2,

    /// <summary>Writing to it failed; what is in it may still be needed.</summary>
    Failed = 3,

    /// <summary>It is not used any more.</summary>
    Off = 4,
}
