namespace OrleansLog.Engine.Storage;

/// <summary>A log that may take part in joint rounds. Between <see cref="Collect"/> and the end of its round it has no other.</summary>
internal interface IJournaledLog
{
    /// <summary>What the journal knows of it; null when there is no journal.</summary>
    JournalLog? Journal { get; }

    /// <summary>Whether its part would be small enough, as far as can be told before.</summary>
    bool MayShare { get; }

    /// <summary>Puts what is not durable yet into the round.</summary>
    JournalShare Collect(JournalRound round);

    /// <summary>What was collected last is in the journal, durably.</summary>
    void NoteJournaled();
}
