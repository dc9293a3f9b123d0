using System.Globalization;

namespace OrleansLog.Tests.Proofs;

/// <summary>How much a proof does, from the environment: little enough by default to be run with every build.</summary>
internal static class ProofSettings
{
    /// <summary>Rounds of killing the silo: <c>ORLEANSLOG_PROOF_ROUNDS</c>.</summary>
    public static int Rounds => Read("ORLEANSLOG_PROOF_ROUNDS", 12);

    /// <summary>Lines of the file that goes through the command line: <c>ORLEANSLOG_PROOF_LINES</c>.</summary>
    public static int Lines => Read("ORLEANSLOG_PROOF_LINES", 200_000);

    /// <summary>Power losses under the engine: <c>ORLEANSLOG_PROOF_POWER_LOSSES</c>.</summary>
    public static int PowerLosses => Read("ORLEANSLOG_PROOF_POWER_LOSSES", 60);

    /// <summary>Faults in a cluster of three: <c>ORLEANSLOG_PROOF_FAULTS</c>.</summary>
    public static int Faults => Read("ORLEANSLOG_PROOF_FAULTS", 10);

    /// <summary>The fault to be tried over and over, or several in turn, by their names: <c>ORLEANSLOG_PROOF_FAULT</c>; empty for any.</summary>
    public static IReadOnlyList<string> FaultSequence =>
        (Environment.GetEnvironmentVariable("ORLEANSLOG_PROOF_FAULT") ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A directory for what the processes log: <c>ORLEANSLOG_PROOF_LOGS</c>; null for none.</summary>
    public static string? Logs => Environment.GetEnvironmentVariable("ORLEANSLOG_PROOF_LOGS") is { Length: > 0 } directory ? directory : null;

    /// <summary>Where chance starts from: <c>ORLEANSLOG_PROOF_SEED</c>, to repeat a run; else a new one for each run.</summary>
    public static int Seed => Read("ORLEANSLOG_PROOF_SEED", Random.Shared.Next(1, int.MaxValue));

    private static int Read(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
