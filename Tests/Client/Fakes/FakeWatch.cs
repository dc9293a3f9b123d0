using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Tests.Client.Fakes;

/// <summary>A question which nodes run, that waits at a gateway.</summary>
/// <param name="Node">The gateway's node.</param>
/// <param name="Known">The version that the client knew.</param>
/// <param name="Answer">The answer.</param>
internal sealed record FakeQuestion(int Node, long Known, TaskCompletionSource<RunningNodes> Answer);

/// <summary>
/// The gateways of a cluster, which say which nodes run. As with Orleans, a key's calls go by the gateway that was next when it was first
/// used, as long as that is there. One that hangs answers nothing.
/// </summary>
internal sealed class FakeWatch
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, int> _gatewayOf = [];
    private readonly List<FakeQuestion> _questions = [];
    private RunningNodes _now = Nodes(1, 1, 2, 3);
    private int _next;

    /// <summary>The node whose gateway hangs, if any.</summary>
    public int Hanging { get; set; }

    /// <summary>No node runs: what is asked fails.</summary>
    public bool IsDown { get; set; }

    /// <summary>The version of what they say.</summary>
    public long Version => Volatile.Read(ref _now).Version;

    /// <summary>The questions that wait.</summary>
    public IReadOnlyList<FakeQuestion> Waiting
    {
        get
        {
            lock (_gate) return [.. _questions.Where(static question => !question.Answer.Task.IsCompleted)];
        }
    }

    public static RunningNodes Nodes(long version, params int[] nodes) =>
        new(version, [.. nodes.Select(static node => $"silo-{node}")], [.. nodes.Select(static node => $"127.0.0.1:{node}")], nodes);

    public IClusterWatchGrain Of(long key) => new Grain(this, key);

    /// <summary>There is news, which those that do not hang answer with.</summary>
    public void Change(RunningNodes now)
    {
        lock (_gate)
        {
            _now = now;
            foreach (var key in _gatewayOf.Where(pair => !now.GatewayNodes!.Contains(pair.Value)).Select(static pair => pair.Key).ToArray())
                _gatewayOf.Remove(key);
        }

        foreach (var question in Waiting.Where(question => question.Node != Hanging)) Answer(question);
    }

    /// <summary>Answers a question, be there news or not.</summary>
    public void Answer(FakeQuestion question) => question.Answer.TrySetResult(_now with { AnsweredBy = question.Node });

    /// <summary>All nodes are lost, and with them the questions that wait.</summary>
    public void Stop()
    {
        IsDown = true;
        foreach (var question in Waiting) question.Answer.TrySetException(new IOException("connection reset"));
    }

    private Task<RunningNodes> Ask(long key, long known, int maxWaitMs)
    {
        if (IsDown) return Task.FromException<RunningNodes>(new IOException("no gateway"));
        lock (_gate)
        {
            if (!_gatewayOf.TryGetValue(key, out var node))
                _gatewayOf[key] = node = _now.GatewayNodes![_next++ % _now.GatewayNodes.Count];
            var question = new FakeQuestion(node, known, new(TaskCreationOptions.RunContinuationsAsynchronously));
            if (node != Hanging && (maxWaitMs == 0 || known < _now.Version)) Answer(question);
            else if (maxWaitMs > 0) _questions.Add(question);
            return question.Answer.Task;
        }
    }

    private sealed class Grain(FakeWatch owner, long key) : IClusterWatchGrain
    {
        public Task<RunningNodes> Watch(long knownVersion, int maxWaitMs) => owner.Ask(key, knownVersion, maxWaitMs);
    }
}
