using System.Diagnostics;
using System.Globalization;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Records;

/// <summary>
/// Mutated batches of every codec: reading them ends with records or with an <see cref="OrleansLogException"/>, within the bounds
/// on memory. Half of them get a CRC that is right, so that what lies behind the CRC is reached. The time per codec can be
/// lengthened by <c>ORLEANSLOG_FUZZ_SECONDS</c>, the seed set by <c>ORLEANSLOG_FUZZ_SEED</c>; a failure names both.
/// </summary>
public sealed class FuzzTests
{
    private const int MaxDecompressed = 1 << 20;
    private static readonly RecordBatchReaderOptions Options =
        new() { MaxDecompressedBytes = MaxDecompressed, UsePooledMemory = true };

    [Theory]
    [InlineData(CompressionType.None)]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void A_mutated_batch_is_read_or_refused_and_costs_no_more_than_its_bounds(CompressionType codec)
    {
        var seed = Setting("ORLEANSLOG_FUZZ_SEED", 20_261_122);
        var seconds = Setting("ORLEANSLOG_FUZZ_SECONDS", 4);
        var mutator = new BatchMutator(new Random(seed + (int)codec), codec);
        using var reader = new RecordBatchReader(Options);
        var clock = Stopwatch.StartNew();
        int runs = 0, readWhole = 0;
        for (; clock.Elapsed.TotalSeconds < seconds; runs++)
        {
            var batch = mutator.Next();
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                if (runs % 256 == 0) BothWaysAgree(batch);
                var fault = ReadAll(reader, batch);
                if (fault is null) readWhole++;
                else if (!IsRefusal(fault.Error)) throw fault;
            }
            catch (Exception e) when (e is not OrleansLogException refusal || !IsRefusal(refusal.Error))
            {
                Assert.Fail($"{Describe(seed, codec, runs, batch)}\n{e}");
            }
            catch (OrleansLogException)
            {
                // a codec's refusal
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated <= 4 * MaxDecompressed, $"{allocated} bytes allocated. {Describe(seed, codec, runs, batch)}");
        }

        // Were none refused or none read, the mutations would test nothing.
        Assert.InRange(readWhole, runs / 200, runs * 9 / 10);
    }

    /// <summary>Reads batch by batch, without throwing where the reader need not: most batches here are refused.</summary>
    private static OrleansLogException? ReadAll(RecordBatchReader reader, ReadOnlyMemory<byte> left)
    {
        while (!left.IsEmpty)
        {
            if (reader.TryReset(left) is { } fault) return fault;
            var header = reader.Header;
            var count = 0;
            long last = header.BaseOffset - 1, sum = 0;
            while (reader.TryMoveNext(out var malformed) || malformed is not null)
            {
                if (malformed is not null) return malformed;
                ref readonly var record = ref reader.Current;
                if (record.Offset <= last || record.Offset > header.LastOffset)
                {
                    Assert.Fail($"offset {record.Offset} after {last}");
                }

                last = record.Offset;
                foreach (var next in record.Key.Span) sum += next;
                foreach (var next in record.Value.Span) sum += next;
                foreach (var next in record.Headers) sum += next.Key.Length + next.Value.Length;
                count++;
            }

            if (count != header.RecordCount || sum < 0) Assert.Fail($"{count} records of {header.RecordCount}");
            left = left[(int)header.SizeInBytes..];
        }

        return null;
    }

    /// <summary>What throws and what hands the fault on find the same one.</summary>
    private static void BothWaysAgree(byte[] batch)
    {
        var valid = RecordBatch.TryValidate(batch, out var header, out var fault);
        if (valid) Assert.Equal(header, RecordBatch.Validate(batch));
        else Assert.Equal(fault!.Message, Assert.Throws<OrleansLogException>(() => RecordBatch.Validate(batch)).Message);
        ReadOnlyMemory<byte> left = batch;
        if (valid) Assert.True(RecordBatch.TryReadNext(ref left, out _, out _));
    }

    private static bool IsRefusal(ErrorCode error) => error is ErrorCode.CorruptMessage or ErrorCode.UnsupportedForMessageFormat
        or ErrorCode.UnsupportedCompressionType or ErrorCode.InvalidTimestamp;

    private static string Describe(int seed, CompressionType codec, int run, byte[] batch) => string.Create(
        CultureInfo.InvariantCulture, $"Seed {seed}, codec {codec}, run {run}: {Convert.ToBase64String(batch)}");

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
