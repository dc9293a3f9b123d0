using System.Text.Json;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;

namespace OrleansLog.Cli.Perf;

/// <summary>Writes samples: lines for people, JSON lines (<c>kind</c>: <c>interval</c> or <c>total</c>) for programs.</summary>
internal static class PerfReport
{
    private static readonly (string Name, double Percentile)[] Percentiles =
        [("p50", 50), ("p95", 95), ("p99", 99), ("p99.9", 99.9)];

    /// <summary>Writes a second's sample.</summary>
    public static void WriteInterval(CommandRun run, PerfSample sample)
    {
        if (run.Settings.Json)
            WriteJson(run, sample, "interval");
        else
            run.Out.WriteLine(Line(sample));
        run.Out.Flush();
    }

    /// <summary>Writes the whole measurement.</summary>
    public static void WriteTotal(CommandRun run, PerfSample sample, string what)
    {
        if (run.Settings.Json)
            WriteJson(run, sample, "total");
        else
            run.Out.WriteLine($"{Quantity.Count(sample.Records)} records {what} in {Quantity.Duration(sample.Elapsed)}: {Line(sample)}");
    }

    /// <summary>"512,345 records/s, 51.2 MB/s, latency p50 1.2 ms, p95 3.4 ms, p99 5.6 ms, p99.9 8.1 ms, max 9.4 ms".</summary>
    public static string Line(PerfSample sample)
    {
        var line = $"{Quantity.Count(sample.RecordsPerSecond)} records/s, {Quantity.Bytes(sample.BytesPerSecond)}/s";
        if (sample.Latency.Count == 0)
            return line;
        var latencies = Percentiles.Select(p => $"{p.Name} {Quantity.Latency(sample.Latency.ValueAt(p.Percentile))}");
        return $"{line}, latency {string.Join(", ", latencies)}, max {Quantity.Latency(sample.Latency.Max)}";
    }

    private static void WriteJson(CommandRun run, PerfSample sample, string kind) => run.WriteJson(json =>
    {
        json.WriteStartObject();
        json.WriteString("kind", kind);
        json.WriteNumber("records", sample.Records);
        json.WriteNumber("bytes", sample.Bytes);
        json.WriteNumber("seconds", Math.Round(sample.Elapsed.TotalSeconds, 3));
        json.WriteNumber("recordsPerSecond", Math.Round(sample.RecordsPerSecond));
        json.WriteNumber("bytesPerSecond", Math.Round(sample.BytesPerSecond));
        WriteLatency(json, sample.Latency);
        json.WriteEndObject();
    });

    private static void WriteLatency(Utf8JsonWriter json, LatencyHistogram latency)
    {
        if (latency.Count == 0)
            return;
        json.WriteStartObject("latencyMs");
        json.WriteNumber("samples", latency.Count);
        foreach (var (name, percentile) in Percentiles)
            json.WriteNumber(name, latency.ValueAt(percentile) / 1000.0);
        json.WriteNumber("max", latency.Max / 1000.0);
        json.WriteEndObject();
    }
}
