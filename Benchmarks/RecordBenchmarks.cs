using BenchmarkDotNet.Attributes;
using OrleansLog.Records;

namespace OrleansLog.Benchmarks;

/// <summary>What a record costs: 1,000 records of 100 bytes in a batch. The baseline is a copy of the same bytes.</summary>
[MemoryDiagnoser]
public class RecordBenchmarks : IDisposable
{
    private const int Count = 1000;
    private readonly byte[] _value = new byte[100];
    private readonly RecordBatchBuilder _builder = new(1 << 20);
    private readonly RecordBatchReader _reader = new();
    private byte[] _batch = [];
    private byte[] _copy = [];

    [GlobalSetup]
    public void Setup()
    {
        new Random(1).NextBytes(_value);
        _batch = Encode().ToArray();
        _copy = new byte[_batch.Length];
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Count)]
    public void Copy() => _batch.CopyTo(_copy.AsSpan());

    [Benchmark(OperationsPerInvoke = Count)]
    public ReadOnlyMemory<byte> Encode()
    {
        _builder.Reset();
        for (var i = 0; i < Count; i++) _builder.TryAppend(1_700_000_000_000 + i, default, hasKey: false, _value, hasValue: true);
        return _builder.Build();
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public long Decode()
    {
        _reader.Reset(_batch);
        long sum = 0;
        while (_reader.MoveNext()) sum += _reader.Current.Value.Length;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public uint Checksum() => Crc32C.Compute(_batch);

    public void Dispose()
    {
        _builder.Dispose();
        _reader.Dispose();
        GC.SuppressFinalize(this);
    }
}
