using System.Globalization;
using System.Text;

namespace OrleansLog.Engine.Storage;

/// <summary>A leader epoch and the first offset that was appended under it.</summary>
internal readonly record struct EpochEntry(int Epoch, long StartOffset);

/// <summary>
/// The file <c>leader-epoch-checkpoint</c> in Kafka's text format: the version 0, the number of entries, then a line
/// <c>epoch startOffset</c> each, ascending in both.
/// </summary>
internal static class LeaderEpochFile
{
    public const string FileName = "leader-epoch-checkpoint";

    public static byte[] Format(ReadOnlySpan<EpochEntry> entries)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"0\n{entries.Length}\n");
        foreach (var entry in entries) text.Append(CultureInfo.InvariantCulture, $"{entry.Epoch} {entry.StartOffset}\n");
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    /// <summary>Reads the file's content; false, with what is wrong, when it cannot be believed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> content, out EpochEntry[] entries, out string? problem)
    {
        entries = [];
        var lines = Encoding.ASCII.GetString(content).Split('\n');
        problem = "it does not begin with the version 0 and the number of entries";
        if (lines.Length < 2 || lines[0].Trim() != "0" || !TryNumber(lines[1], out var count)) return false;
        var found = new List<EpochEntry>();
        foreach (var line in lines.AsSpan(2))
        {
            if (line.Length == 0) continue;
            var fields = line.Trim().Split(' ');
            problem = $"'{(line.Length > 60 ? line[..60] : line)}' is no epoch with its start offset, or is out of order";
            if (fields.Length != 2 || !TryNumber(fields[0], out var epoch) || !TryNumber(fields[1], out var start)
                || epoch > int.MaxValue || (found.Count > 0 && (found[^1].Epoch >= epoch || found[^1].StartOffset > start)))
                return false;
            found.Add(new EpochEntry((int)epoch, start));
        }

        problem = $"it promises {count} entries and has {found.Count}";
        if (found.Count != count) return false;
        entries = [.. found];
        problem = null;
        return true;
    }

    private static bool TryNumber(string text, out long value) =>
        long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
