using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Kafka.Apis;

/// <summary>Hands out producer ids from blocks that the catalog reserved. Those left at the end of the silo are lost. Thread-safe.</summary>
internal sealed class ProducerIds
{
    private const int BlockSize = 1000;
    private readonly Lock _gate = new();
    private long _next;
    private long _end;

    /// <summary>An id that nobody else gets.</summary>
    public async Task<long> NextAsync(ICatalogGrain catalog)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_next < _end) return _next++;
            }

            // Of blocks reserved at the same time one is used; there are enough.
            var block = await catalog.AllocateProducerIds(BlockSize).ConfigureAwait(false);
            lock (_gate)
            {
                if (_next == _end) (_next, _end) = (block.FirstId, block.FirstId + block.Count);
            }
        }
    }
}
