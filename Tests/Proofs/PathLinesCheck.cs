using System.Globalization;
using Xunit;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// Checks what the members of a group printed (<c>partition, offset, key, value</c>, with tabs between them): each line once
/// in all outputs together, offsets dense, and the lines of a key in their order.
/// </summary>
internal sealed class PathLinesCheck
{
    private readonly int[][] _lines; // of each partition, the line at each offset
    private readonly bool[] _seen;
    private int _count;

    public PathLinesCheck(int lines, int partitions)
    {
        _lines = [.. Enumerable.Range(0, partitions).Select(_ => Filled(lines))];
        _seen = new bool[lines];
    }

    /// <summary>Takes in one member's output; returns how many lines it has.</summary>
    public int Add(string path)
    {
        var count = 0;
        foreach (var text in File.ReadLines(path))
        {
            var fields = text.Split('\t');
            Assert.True(fields.Length == 4, $"'{text}' has not four fields.");
            var partition = int.Parse(fields[0], CultureInfo.InvariantCulture);
            var offset = long.Parse(fields[1], CultureInfo.InvariantCulture);
            var line = PathLines.Parse(fields[2], fields[3]) ?? throw new InvalidDataException($"'{text}' was never sent.");
            Assert.False(_seen[line], $"Line {line} arrived twice: '{text}'.");
            _seen[line] = true;
            Assert.True(offset < _seen.Length && _lines[partition][offset] < 0, $"{partition}@{offset} arrived twice, or is too far.");
            _lines[partition][offset] = line;
            count++;
        }

        _count += count;
        return count;
    }

    /// <summary>To be called when all outputs are in.</summary>
    public void Finish()
    {
        Assert.Equal(_seen.Length, _count);
        var partitionOfKey = new Dictionary<string, int>();
        for (var partition = 0; partition < _lines.Length; partition++)
        {
            var lastOfKey = new Dictionary<string, int>();
            var end = Array.IndexOf(_lines[partition], -1);
            end = end < 0 ? _lines[partition].Length : end;
            Assert.True(Array.TrueForAll(_lines[partition][end..], static line => line < 0), $"Partition {partition} has a gap at offset {end}.");
            foreach (var line in _lines[partition].AsSpan(0, end))
            {
                var key = PathLines.Key(line);
                Assert.True(line > lastOfKey.GetValueOrDefault(key, -1), $"Line {line} of key '{key}' comes before line {lastOfKey.GetValueOrDefault(key)}.");
                lastOfKey[key] = line;
                Assert.True(partitionOfKey.TryAdd(key, partition) || partitionOfKey[key] == partition, $"Key '{key}' is in two partitions.");
            }
        }
    }

    private static int[] Filled(int length)
    {
        var array = new int[length];
        Array.Fill(array, -1);
        return array;
    }
}
