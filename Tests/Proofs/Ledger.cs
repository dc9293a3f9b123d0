using System.Diagnostics;
using Xunit;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// What the producers were told: of each partition, which record is acknowledged at which offset, and what was sent.
/// Thread-safe.
/// </summary>
internal sealed class Ledger
{
    private readonly Lock _gate = new();
    private readonly List<LedgerRecord?>[] _acknowledged;
    private readonly long[] _acknowledgedAt;
    private readonly long[] _longestGap;
    private readonly List<string> _violations = [];
    private readonly List<(Func<bool> Holds, TaskCompletionSource Done)> _waits = [];

    public Ledger(int partitions)
    {
        _acknowledged = [.. Enumerable.Range(0, partitions).Select(static _ => new List<LedgerRecord?>())];
        _acknowledgedAt = new long[partitions];
        _longestGap = new long[partitions];
    }

    public int Partitions => _acknowledged.Length;

    /// <summary>How many records are acknowledged.</summary>
    public long Count { get; private set; }

    /// <summary>Notes an acknowledgement.</summary>
    public void Acknowledge(LedgerRecord record, int partition, long offset)
    {
        lock (_gate)
        {
            var places = _acknowledged[partition];
            while (places.Count <= offset) places.Add(null);
            if (places[(int)offset] is { } other) _violations.Add($"{record} is acknowledged at {partition}@{offset}, as was {other}.");
            places[(int)offset] = record;
            Count++;
            var now = Stopwatch.GetTimestamp();
            if (_acknowledgedAt[partition] != 0)
                _longestGap[partition] = Math.Max(_longestGap[partition], now - _acknowledgedAt[partition]);
            _acknowledgedAt[partition] = now;
            CheckWaits();
        }
    }

    /// <summary>Notes a delivery that failed, though producers are to go on through any crash.</summary>
    public void Fail(LedgerRecord record, Exception failure)
    {
        lock (_gate)
        {
            _violations.Add($"{record} failed: {failure}");
            CheckWaits();
        }
    }

    /// <summary>The longest time without an acknowledgement in each partition since this was asked last.</summary>
    public TimeSpan[] TakeLongestGaps()
    {
        lock (_gate)
        {
            var gaps = Array.ConvertAll(_longestGap, static ticks => TimeSpan.FromSeconds((double)ticks / Stopwatch.Frequency));
            Array.Clear(_longestGap);
            return gaps;
        }
    }

    /// <summary>What was acknowledged at an offset; null for nothing.</summary>
    public LedgerRecord? At(int partition, long offset)
    {
        lock (_gate) return offset < _acknowledged[partition].Count ? _acknowledged[partition][(int)offset] : null;
    }

    /// <summary>Of each partition, the offset after the last acknowledged record.</summary>
    public long[] Ends()
    {
        lock (_gate) return [.. _acknowledged.Select(static places => (long)places.Count)];
    }

    /// <summary>Completes when something was acknowledged in any, or in every, partition after a timestamp of the stopwatch.</summary>
    public Task WhenAcknowledgedAfter(long timestamp, bool everywhere)
    {
        lock (_gate)
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waits.Add((Holds, done));
            CheckWaits();
            return done.Task;
        }

        bool Holds() => everywhere ? Array.TrueForAll(_acknowledgedAt, at => at > timestamp) : Array.Exists(_acknowledgedAt, at => at > timestamp);
    }

    /// <summary>Throws when anything was acknowledged twice or failed.</summary>
    public void ThrowOnViolation()
    {
        lock (_gate) Assert.True(_violations.Count == 0, string.Join('\n', _violations.Take(10)));
    }

    private void CheckWaits()
    {
        if (_waits.Count == 0) return;
        foreach (var wait in _waits)
        {
            // A failure is reported by whoever waits next, and not by his running into the limit.
            if (wait.Holds() || _violations.Count > 0) wait.Done.TrySetResult();
        }

        _waits.RemoveAll(static wait => wait.Done.Task.IsCompleted);
    }
}
