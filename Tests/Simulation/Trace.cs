using System.Globalization;

namespace OrleansLog.Tests.Simulation;

/// <summary>What happened, in order: a hash of all of it, by which two runs are compared, and the last part of it, for people.</summary>
public sealed class Trace(VirtualScheduler scheduler)
{
    private const int KeptLines = 400;
    private readonly Queue<string> _lines = new();

    /// <summary>Of all lines so far (FNV-1a).</summary>
    public ulong Hash { get; private set; } = 14695981039346656037;

    /// <summary>Also gets every line.</summary>
    public Action<string>? Sink { get; set; }

    /// <summary>The last lines.</summary>
    public IEnumerable<string> LastLines => _lines;

    public void Add(FormattableString what)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{scheduler.Now.TotalMilliseconds,12:F3} {FormattableString.Invariant(what)}");
        foreach (var c in line) Hash = (Hash ^ c) * 1099511628211;
        Sink?.Invoke(line);
        _lines.Enqueue(line);
        if (_lines.Count > KeptLines) _lines.Dequeue();
    }
}
