using System.Collections.Concurrent;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>Batch builders for reuse with their buffers; as many as the buffer memory could fill.</summary>
internal sealed class RecordBatchBuilders(ProducerSettings settings) : IDisposable
{
    private readonly ConcurrentBag<RecordBatchBuilder> _idle = [];
    private readonly int _bound = (int)Math.Clamp(settings.BufferMemory / settings.BatchSize, 1, 64);
    private bool _disposed;

    public RecordBatchBuilder Rent(int maxBatchBytes, int maxRecordBytes)
    {
        while (_idle.TryTake(out var builder))
        {
            if (builder.MaxBatchBytes == maxBatchBytes && builder.MaxRecordBytes == maxRecordBytes) return builder;
            builder.Dispose(); // the topic's max.message.bytes is another one
        }

        return new RecordBatchBuilder(maxBatchBytes, settings.Compression, maxRecordBytes: maxRecordBytes);
    }

    public void Return(RecordBatchBuilder builder)
    {
        if (_disposed || _idle.Count >= _bound)
        {
            builder.Dispose();
            return;
        }

        builder.Reset();
        _idle.Add(builder);
    }

    public void Dispose()
    {
        _disposed = true;
        while (_idle.TryTake(out var builder)) builder.Dispose();
    }
}
