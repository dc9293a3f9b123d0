using System.Globalization;
using System.Text;

namespace OrleansLog.Engine.Storage;

/// <summary>What a replica must not forget over a restart, besides its records.</summary>
/// <param name="FencedEpoch">The greatest leader epoch that it has seen; -1 for none.</param>
/// <param name="SuspectFrom">From this offset on the log lacks records that it once held, or has damaged ones; -1 for none.</param>
/// <param name="IsShort">Whether it may lack records at its end, and not only have damaged ones.</param>
internal readonly record struct ReplicaState(int FencedEpoch, long SuspectFrom, bool IsShort)
{
    public static ReplicaState None { get; } = new(-1, -1, false);

    public long Sum => unchecked((FencedEpoch * 31L) + SuspectFrom + (IsShort ? 7 : 0));
}

/// <summary>
/// The file <c>replica-state</c>: the version 0, then the fenced epoch, the suspect offset, 1 if records may be missing, and a check. It exists
/// only in logs that are replicated.
/// </summary>
internal static class ReplicaStateFile
{
    public const string FileName = "replica-state";

    public static byte[] Format(ReplicaState state) => Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"0\n{state.FencedEpoch}\n{state.SuspectFrom}\n{(state.IsShort ? 1 : 0)}\n{state.Sum}\n"));

    public static bool TryParse(ReadOnlySpan<byte> content, out ReplicaState state)
    {
        state = default;
        var lines = Encoding.ASCII.GetString(content).Split('\n');
        if (lines.Length < 5 || lines[0] != "0"
            || !int.TryParse(lines[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var epoch)
            || !TryNumber(lines[2], out var suspectFrom) || !TryNumber(lines[3], out var isShort)
            || !TryNumber(lines[4], out var sum))
            return false;
        state = new ReplicaState(epoch, suspectFrom, isShort != 0);
        return sum == state.Sum;
    }

    private static bool TryNumber(string text, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
}
