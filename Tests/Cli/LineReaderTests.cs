using System.Text;
using OrleansLog.Cli.Input;
using Xunit;

namespace OrleansLog.Tests.Cli;

public sealed class LineReaderTests
{
    private const string Sample = "one\n\ntwo\r\nthr\u00e9e\n\r\n last without end";

    [Fact]
    public async Task Lines_are_the_same_wherever_the_reads_are_cut()
    {
        var bytes = Encoding.UTF8.GetBytes(Sample);
        var expected = Sample.Split('\n');
        for (var readBytes = 1; readBytes <= bytes.Length + 1; readBytes++)
        {
            for (var bufferBytes = 1; bufferBytes <= bytes.Length + 1; bufferBytes++)
                Assert.Equal(expected, await ReadAllAsync(new TrickleStream(bytes, readBytes), bufferBytes: bufferBytes));
        }
    }

    [Fact]
    public async Task A_carriage_return_goes_with_its_line_feed_only_when_asked()
    {
        var bytes = "a\r\nb\rc\n\r\nd\r"u8.ToArray();
        Assert.Equal(["a\r", "b\rc", "\r", "d\r"], await ReadAllAsync(new MemoryStream(bytes)));
        for (var readBytes = 1; readBytes <= bytes.Length; readBytes++)
            Assert.Equal(["a", "b\rc", "", "d\r"], await ReadAllAsync(new TrickleStream(bytes, readBytes), strip: true, bufferBytes: 4));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("\n", 1)]
    [InlineData("\n\n", 2)]
    [InlineData("x", 1)]
    [InlineData("x\n", 1)]
    public async Task A_final_line_needs_no_line_feed_and_a_line_feed_makes_no_further_line(string text, int lines) =>
        Assert.Equal(lines, (await ReadAllAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)))).Count);

    [Fact]
    public async Task Bytes_that_are_no_text_come_through_unchanged()
    {
        var all = Enumerable.Range(0, 256).Select(static b => (byte)b).Where(static b => b != '\n').ToArray();
        var reader = new LineReader(new MemoryStream([.. all, (byte)'\n', .. all]), 1000);
        await reader.FillAsync(default);
        Assert.True(reader.TryRead(out var first));
        Assert.Equal(all, first.ToArray());
    }

    [Fact]
    public async Task A_line_of_the_greatest_length_is_read_and_a_longer_one_is_named()
    {
        foreach (var bufferBytes in new[] { 1, 7, 10, 11, 64 })
        {
            Assert.Equal(
                ["a", new string('x', 10), "b"],
                await ReadAllAsync(Of("a\n" + new string('x', 10) + "\nb"), maxLineBytes: 10, bufferBytes: bufferBytes));
            Assert.Equal(
                ["a", new string('x', 10)],
                await ReadAllAsync(Of("a\r\n" + new string('x', 10) + "\r\n"), maxLineBytes: 10, bufferBytes: bufferBytes, strip: true));
            foreach (var tooLong in new[] { "a\n" + new string('x', 11) + "\nb", "a\n" + new string('x', 11), "a\n" + new string('x', 500) })
            {
                var error = await Assert.ThrowsAsync<LineTooLongException>(
                    () => ReadAllAsync(Of(tooLong), maxLineBytes: 10, bufferBytes: bufferBytes));
                Assert.Equal(2, error.LineNumber);
                Assert.Contains("Line 2 is longer than 10 bytes", error.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Counts_lines_and_bytes()
    {
        var reader = new LineReader(Of("ab\nc\n"), 100, bufferBytes: 2);
        while (await reader.FillAsync(default))
        {
            while (reader.TryRead(out _))
            {
            }
        }

        Assert.Equal(2, reader.LineNumber);
        Assert.Equal(5, reader.BytesRead);
    }

    private static MemoryStream Of(string text) => new(Encoding.UTF8.GetBytes(text));

    private static async Task<List<string>> ReadAllAsync(
        Stream stream, int maxLineBytes = 1000, int bufferBytes = 16, bool strip = false)
    {
        var reader = new LineReader(stream, maxLineBytes, strip, bufferBytes);
        var lines = new List<string>();
        while (await reader.FillAsync(default))
        {
            while (reader.TryRead(out var line))
                lines.Add(Encoding.UTF8.GetString(line.Span));
        }

        return lines;
    }

    /// <summary>Gives at most so many bytes a read, as a slow pipe does.</summary>
    private sealed class TrickleStream(byte[] bytes, int readBytes) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(readBytes, buffer.Length)], cancellationToken);
    }
}
