using System.Globalization;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Proofs;

/// <summary>Prints the figures of a proof, into the file <c>ORLEANSLOG_PROOF_REPORT</c> too where that is set.</summary>
internal sealed class ProofReport(ITestOutputHelper output)
{
    private static readonly string? File = Environment.GetEnvironmentVariable("ORLEANSLOG_PROOF_REPORT");
    private static readonly Lock Gate = new();

    public void Write(FormattableString line)
    {
        var text = line.ToString(CultureInfo.InvariantCulture);
        output.WriteLine(text);
        Append(text);
    }

    /// <summary>Says how far a long run is, in the file only.</summary>
    public static void Progress(FormattableString line) => Append(line.ToString(CultureInfo.InvariantCulture));

    /// <summary>The middle, the nearly worst and the worst of some times.</summary>
    public static string Spread(IReadOnlyCollection<TimeSpan> times)
    {
        if (times.Count == 0) return "none";
        var sorted = times.Order().ToArray();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"p50 {sorted[sorted.Length / 2].TotalMilliseconds:0} ms, p95 {sorted[(int)(sorted.Length * 0.95)].TotalMilliseconds:0} ms, max {sorted[^1].TotalMilliseconds:0} ms");
    }

    private static void Append(string text)
    {
        if (File is null) return;
        lock (Gate) System.IO.File.AppendAllText(File, $"{TimeProvider.System.GetLocalNow():HH:mm:ss.f} {text}{Environment.NewLine}");
    }
}
