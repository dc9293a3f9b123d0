namespace OrleansLog.Engine.Storage;

/// <summary>
/// Rounds of group commit of several logs at once, by one fsync of the commit journal. A log whose round cannot be a part of it has one of
/// its own, after that; so has one that is alone. Rounds are run one at a time.
/// </summary>
internal sealed class JointFlush
{
    // What those who wait do next would otherwise keep the next round from beginning.
    private const int MostGoingOnHere = 8;

    private readonly CommitJournal _journal;
    private readonly JournalSettling _settling;
    private readonly Action _onDurable;
    private readonly Action _end;
    private readonly JournalRound _round = new();
    private readonly List<Member> _members = [];

    /// <summary>Rounds by a journal.</summary>
    /// <param name="journal">The journal.</param>
    /// <param name="settling">Sees to its files.</param>
    /// <param name="onDurable">Called when a round is durable, before those who wait for it are told.</param>
    /// <param name="completesTogether">See <see cref="LogManagerOptions.CompletesTogether"/>.</param>
    public JointFlush(CommitJournal journal, JournalSettling settling, Action onDurable, Action<Action>? completesTogether)
    {
        _onDurable = onDurable;
        _journal = journal;
        _settling = settling;
        Action end = EndShared;
        _end = completesTogether is null ? end : () => completesTogether(end);
    }

    private enum Outcome
    {
        Alone,
        Shared,
        Done,
    }

    private readonly record struct Member(FlushGate Gate, int Truncations, Outcome Outcome);

    /// <summary>Whether a log's round, as it would be now, is to be one of several logs'.</summary>
    public bool Takes(FlushGate gate) => _journal.State == JournalState.Ready && gate.MayShare;

    /// <summary>Several logs wait for their rounds.</summary>
    public void NoteCrowd()
    {
        if (_journal.State == JournalState.Absent) _settling.Attend();
    }

    /// <summary>Runs the rounds of logs that are queued.</summary>
    public void Run(IReadOnlyList<FlushGate> gates)
    {
        if (gates.Count == 1)
        {
            gates[0].RunFlush(_onDurable);
            return;
        }

        for (var next = 0; next < gates.Count;) RunSome(gates, ref next);
    }

    // As many as there is room for in one round.
    private void RunSome(IReadOnlyList<FlushGate> gates, ref int next)
    {
        var isFirst = next == 0;
        _members.Clear();
        _round.Clear();
        for (; next < gates.Count && _round.HasRoom; next++)
            if (gates[next].TryBegin(out var truncations)) _members.Add(new Member(gates[next], truncations, Collect(gates[next])));
        // One alone needs no journal.
        var isCommitted = _round.Parts.Count > 1 && _journal.TryCommit(_round);
        for (var i = 0; i < _members.Count; i++)
        {
            if (_members[i].Outcome != Outcome.Shared) continue;
            var log = _members[i].Gate.Log!;
            if (isCommitted && IsIn(log.Journal!)) log.NoteJournaled();
            else _members[i] = _members[i] with { Outcome = Outcome.Alone };
        }

        if (_journal.State == JournalState.Failed) _settling.Attend();
        if (isFirst) _onDurable();
        _end();
        foreach (var (gate, truncations, outcome) in _members)
            if (outcome == Outcome.Alone && gate.TryFlush()) gate.End(truncations);
    }

    private void EndShared()
    {
        foreach (var (gate, truncations, outcome) in _members)
            if (outcome != Outcome.Alone) gate.End(truncations, mayGoOnHere: _members.Count <= MostGoingOnHere);
    }

    private Outcome Collect(FlushGate gate) => gate.Log!.Collect(_round) switch
    {
        JournalShare.Collected => Outcome.Shared,
        JournalShare.Nothing => Outcome.Done,
        _ => Outcome.Alone,
    };

    private bool IsIn(JournalLog log)
    {
        foreach (var part in _round.Parts)
            if (ReferenceEquals(part.Log, log)) return true;
        return false;
    }
}
