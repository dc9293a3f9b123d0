using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Writes what the commit journal holds to the segments that it belongs to. Done before any log is opened; done again after a crash in the
/// middle, it comes to the same. A batch that is whole is never written over: should another be where the journal has one, that
/// log is left as it is from there on, and said so.
/// </summary>
internal static class JournalReplay
{
    // Offset, length and leader epoch of a batch are before it.
    private const int CrcStart = 16;

    /// <summary>The journal's files in a data directory.</summary>
    public static string[] PathsIn(string directory) =>
        [Path.Combine(directory, "commit-journal-0"), Path.Combine(directory, "commit-journal-1")];

    /// <summary>Restores all logs and removes the journal.</summary>
    /// <exception cref="IOException">The disk failed, or a later version wrote the journal.</exception>
    public static void Run(IFileSystem fileSystem, string directory, ILogger logger)
    {
        var paths = PathsIn(directory).Where(fileSystem.FileExists).ToArray();
        if (paths.Length == 0) return;
        var (logs, bytes) = (0, 0L);
        foreach (var entries in ReadAll(fileSystem, paths))
        {
            var restored = Restore(fileSystem, directory, entries, isForced: false, logger);
            if (restored > 0) logs++;
            bytes += restored;
        }

        if (bytes > 0) logger.LogInformation("{Bytes} bytes of {Logs} logs were restored from the commit journal.", bytes, logs);
        foreach (var path in paths) fileSystem.DeleteFile(path);
        fileSystem.FlushDirectory(directory);
    }

    /// <summary>Restores one log, and writes also what seems to be there: after an fsync that failed, it may only seem so.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public static void RestoreOne(IFileSystem fileSystem, string directory, TopicPartition partition, ILogger logger)
    {
        foreach (var entries in ReadAll(fileSystem, PathsIn(directory).Where(fileSystem.FileExists)))
            if (entries[0].Partition == partition) Restore(fileSystem, directory, entries, isForced: true, logger);
    }

    // By log, in the order in which they were written, without what was declared void.
    private static Dictionary<(TopicPartition, Guid), List<JournalEntry>>.ValueCollection ReadAll(IFileSystem fileSystem, IEnumerable<string> paths)
    {
        var rounds = new List<(long Number, List<JournalEntry> Entries)>();
        foreach (var path in paths) rounds.AddRange(ReadFile(fileSystem.ReadAllBytes(path)));
        var logs = new Dictionary<(TopicPartition, Guid), List<JournalEntry>>();
        foreach (var entry in rounds.OrderBy(static round => round.Number).SelectMany(static round => round.Entries))
        {
            var key = (entry.Partition, entry.TopicId);
            if (entry.Kind == JournalEntryKind.Void) logs.Remove(key);
            else if (logs.TryGetValue(key, out var entries)) entries.Add(entry);
            else logs.Add(key, [entry]);
        }

        return logs.Values;
    }

    private static List<(long Number, List<JournalEntry> Entries)> ReadFile(byte[] content)
    {
        var rounds = new List<(long, List<JournalEntry>)>();
        var expected = 0L;
        for (var at = 0; at < content.Length; )
        {
            if (!JournalFormat.TryReadRound(content.AsSpan(at), out var number, out var length)) break;
            if (expected != 0 && number != expected) break;
            expected = number + 1;
            var entries = new List<JournalEntry>();
            for (var rest = content.AsSpan(at + JournalFormat.RoundHeaderSize, length - JournalFormat.RoundHeaderSize); !rest.IsEmpty;)
            {
                entries.Add(JournalFormat.ReadEntry(rest, out var size));
                rest = rest[size..];
            }

            rounds.Add((number, entries));
            at += JournalFormat.Padded(length);
        }

        return rounds;
    }

    private static long Restore(IFileSystem fileSystem, string directory, List<JournalEntry> entries, bool isForced, ILogger logger)
    {
        var (partition, topicId) = (entries[0].Partition, entries[0].TopicId);
        var path = PartitionDirectory.PathOf(directory, partition);
        if (!fileSystem.DirectoryExists(path) || IsOfAnotherTopic(fileSystem, path, topicId)) return 0;
        var bytes = 0L;
        foreach (var segment in entries.GroupBy(static entry => entry.SegmentBaseOffset))
        {
            var name = LogFileNames.PathOf(path, segment.Key, LogFileNames.Log);
            // Deleted since, because it was old.
            if (!fileSystem.FileExists(name)) continue;
            using var file = fileSystem.OpenFile(name, FileOpenMode.Open);
            var left = segment.FirstOrDefault(entry =>
            {
                var written = WriteMissing(file, entry, isForced);
                bytes += Math.Max(0, written);
                return written < 0;
            });
            file.Flush();
            if (left is null) continue;
            logger.LogError(
                "What the commit journal has for position {Position} of {Path} does not go with what is there; it is left out, with all of that log behind it.",
                left.Position, name);
            break;
        }

        return bytes;
    }

    private static bool IsOfAnotherTopic(IFileSystem fileSystem, string path, Guid topicId)
    {
        var file = Path.Combine(path, PartitionMetadataFile.FileName);
        return fileSystem.FileExists(file) && PartitionMetadataFile.Parse(fileSystem.ReadAllBytes(file)) is { } found && found != topicId;
    }

    // How many bytes were not there; -1 when something else is, or the file ends before.
    private static int WriteMissing(ILogFile file, JournalEntry entry, bool isForced)
    {
        var length = file.Length;
        if (length < entry.Position) return -1;
        var there = new byte[entry.Batches.Length];
        var read = file.Read(there, entry.Position);
        var written = 0;
        for (var at = 0; at < entry.Batches.Length;)
        {
            RecordBatchHeader.TryRead(entry.Batches.AsSpan(at), out var header);
            var batch = entry.Batches.AsSpan(at, (int)header.SizeInBytes);
            var isThere = read >= at + batch.Length && batch.SequenceEqual(there.AsSpan(at, batch.Length));
            if (!isThere)
            {
                if (IsOther(batch, there.AsSpan(0, read), at) && IsWhole(file, (long)entry.Position + at, length)) return -1;
                written += batch.Length;
            }

            if (!isThere || isForced) file.Write(batch, (long)entry.Position + at);
            at += batch.Length;
        }

        return written;
    }

    // What the CRC does not cover, before it, may be torn from the rest.
    private static bool IsOther(ReadOnlySpan<byte> batch, ReadOnlySpan<byte> there, int at) =>
        there.Length < at + batch.Length || !batch[CrcStart..].SequenceEqual(there.Slice(at + CrcStart, batch.Length - CrcStart));

    private static bool IsWhole(ILogFile file, long position, long length)
    {
        if (position >= length) return false;
        using var scanner = new BatchScanner(file, position, length, verifyCrc: true);
        return scanner.MoveNext();
    }
}
