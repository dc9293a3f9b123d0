using System.Globalization;

namespace OrleansLog.Engine.Storage;

/// <summary>The names of a partition's files: Kafka's, an offset of 20 digits and a suffix that says what the file is.</summary>
internal static class LogFileNames
{
    public const string Log = ".log", OffsetIndex = ".index", TimeIndex = ".timeindex", TransactionIndex = ".txnindex",
        Snapshot = ".snapshot";

    /// <summary>Added to a file that compaction is still writing; worthless after a crash.</summary>
    public const string Cleaned = ".cleaned";

    /// <summary>Added to a finished file of compaction that is about to take its place; completed after a crash.</summary>
    public const string Swap = ".swap";

    /// <summary>Added to a file on its way out.</summary>
    public const string Deleted = ".deleted";

    /// <summary>A half-written replacement of a small file.</summary>
    public const string Temporary = ".tmp";

    /// <summary>Ends the name of a partition's directory on its way out.</summary>
    public const string DeletedDirectory = "-delete";

    /// <summary>What a segment consists of, the log first.</summary>
    public static ReadOnlySpan<string> SegmentSuffixes => s_segmentSuffixes;

    private static readonly string[] s_segmentSuffixes = [Log, OffsetIndex, TimeIndex, TransactionIndex];
    private const int OffsetDigits = 20;

    /// <summary>Path of the file with this offset and suffix.</summary>
    public static string PathOf(string directory, long offset, string suffix) =>
        Path.Combine(directory, offset.ToString("D20", CultureInfo.InvariantCulture) + suffix);

    /// <summary>Whether the file's name is an offset followed by exactly <paramref name="suffix"/>.</summary>
    public static bool TryParse(string path, string suffix, out long offset)
    {
        var name = Path.GetFileName(path.AsSpan());
        offset = -1;
        return name.Length == OffsetDigits + suffix.Length
            && name.EndsWith(suffix, StringComparison.Ordinal)
            && long.TryParse(name[..OffsetDigits], NumberStyles.None, CultureInfo.InvariantCulture, out offset);
    }
}
