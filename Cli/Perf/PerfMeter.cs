namespace OrleansLog.Cli.Perf;

/// <summary>What was measured over some time.</summary>
/// <param name="Records">Records done.</param>
/// <param name="Bytes">Bytes of their keys and values.</param>
/// <param name="Elapsed">In how long.</param>
/// <param name="Latency">The latencies measured; may be empty.</param>
internal sealed record PerfSample(long Records, long Bytes, TimeSpan Elapsed, LatencyHistogram Latency)
{
    /// <summary>Records a second.</summary>
    public double RecordsPerSecond => Records / Math.Max(Elapsed.TotalSeconds, 0.000_001);

    /// <summary>Bytes a second.</summary>
    public double BytesPerSecond => Bytes / Math.Max(Elapsed.TotalSeconds, 0.000_001);
}

/// <summary>Adds up a measurement, in all and since the last look at it. Thread-safe.</summary>
internal sealed class PerfMeter
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly LatencyHistogram _all = new();
    private readonly LatencyHistogram _recent = new();
    private readonly long _start;
    private long _lastLook;
    private long _records;
    private long _bytes;
    private long _recordsAtLook;
    private long _bytesAtLook;

    /// <summary>Starts the clock.</summary>
    public PerfMeter(TimeProvider time)
    {
        _time = time;
        _start = _lastLook = time.GetTimestamp();
    }

    /// <summary>Sets how much is done.</summary>
    public void Set(long records, long bytes)
    {
        Volatile.Write(ref _records, records);
        Volatile.Write(ref _bytes, bytes);
    }

    /// <summary>Counts a latency.</summary>
    public void AddLatency(TimeSpan latency)
    {
        var microseconds = (long)latency.TotalMicroseconds;
        lock (_lock)
            _recent.Record(microseconds);
    }

    /// <summary>What was done since the last look.</summary>
    public PerfSample Look()
    {
        lock (_lock)
        {
            var now = _time.GetTimestamp();
            var latency = new LatencyHistogram();
            latency.Add(_recent);
            _all.Add(_recent);
            _recent.Reset();
            var (records, bytes) = (Volatile.Read(ref _records), Volatile.Read(ref _bytes));
            var sample = new PerfSample(records - _recordsAtLook, bytes - _bytesAtLook, _time.GetElapsedTime(_lastLook, now), latency);
            (_recordsAtLook, _bytesAtLook, _lastLook) = (records, bytes, now);
            return sample;
        }
    }

    /// <summary>What was done in all.</summary>
    public PerfSample Total()
    {
        lock (_lock)
        {
            _all.Add(_recent);
            _recent.Reset();
            return new PerfSample(Volatile.Read(ref _records), Volatile.Read(ref _bytes), _time.GetElapsedTime(_start), _all);
        }
    }
}
