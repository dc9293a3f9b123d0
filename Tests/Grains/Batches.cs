using System.Text;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Tests.Grains;

/// <summary>Record batches made and read by hand, without the typed client.</summary>
internal static class Batches
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static ProduceRequest Request(params string[] values) => new(Borrow(Of(values)), Acks: -1, TimeoutMs: 30_000);

    public static RecordBytes Borrow(byte[] batch) => RecordBytes.Borrow(batch.AsMemory());

    public static byte[] Of(params string[] values) => Of(values, producerId: -1, sequence: -1);

    public static byte[] Of(string[] values, long producerId, int sequence, DateTimeOffset? time = null)
    {
        using var builder = new RecordBatchBuilder(1024 * 1024);
        foreach (var value in values)
        {
            if (!builder.TryAppend((time ?? Start).ToUnixTimeMilliseconds(), default, false, Encoding.UTF8.GetBytes(value), true))
                throw new ArgumentException("The values do not fit one batch.", nameof(values));
        }

        if (producerId >= 0) builder.SetProducer(producerId, 0, sequence);
        return builder.Build().ToArray();
    }

    /// <summary>The values of all records, each as <c>offset:value</c>.</summary>
    public static string[] Read(FetchResponse response)
    {
        var values = new List<string>();
        ReadOnlyMemory<byte> rest = response.Records.Memory;
        while (RecordBatch.TryReadNext(ref rest, out var batch, out _))
        {
            using var reader = new RecordBatchReader(batch);
            while (reader.MoveNext())
                values.Add($"{reader.Current.Offset}:{Encoding.UTF8.GetString(reader.Current.Value.Span)}");
        }

        response.Records.Dispose();
        return [.. values];
    }

    /// <summary>Everything there is from an offset on.</summary>
    public static async Task<string[]> ReadAllAsync(this IPartitionGrain partition, long offset = 0)
    {
        var all = new List<string>();
        while (true)
        {
            var response = await partition.Fetch(new FetchRequest(offset, 1024 * 1024));
            var read = Read(response);
            if (read.Length == 0) return [.. all];
            all.AddRange(read);
            offset += read.Length;
        }
    }
}
