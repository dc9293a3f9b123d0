using OrleansLog.Cli.Input;
using OrleansLog.Cli.Produce;
using OrleansLog.Client;

namespace OrleansLog.Cli.Perf;

/// <summary>Produces made-up records as fast as it can, or at a rate, and measures. One run.</summary>
internal sealed class ProduceLoad(
    Producer<NullableBytes, NullableBytes> producer, string topic, RecordGenerator generator, PerfMeter meter, TimeProvider time)
{
    /// <summary>Above so many records a second, the latency of one in <see cref="SampledOneIn"/> is measured.</summary>
    public const int MeasureAllUpTo = 50_000;

    /// <summary>See <see cref="MeasureAllUpTo"/>.</summary>
    public const int SampledOneIn = 64;

    private readonly DeliveryQueue _deliveries = new();
    private long _bytes;

    /// <summary>How the deliveries ended.</summary>
    public DeliveryQueue Deliveries => _deliveries;

    /// <summary>Produces so many records and waits for their acknowledgements; stops at the first failure.</summary>
    public async Task RunAsync(long records, double? perSecond, CancellationToken cancellationToken)
    {
        var pacer = new Pacer(time, perSecond);
        var stride = perSecond <= MeasureAllUpTo ? 1 : SampledOneIn;
        for (long i = 0; i < records && _deliveries.Failed == 0; i++)
        {
            var due = perSecond is null && i % stride != 0 ? 0 : await pacer.WhenDueAsync(i, cancellationToken).ConfigureAwait(false);
            var record = generator.Make(i);
            var delivery = await producer.EnqueueAsync(topic, record.Key, record.Value, cancellationToken).ConfigureAwait(false);
            _bytes += record.Key.Memory.Length + record.Value.Memory.Length;
            await _deliveries.AddAsync(delivery, cancellationToken).ConfigureAwait(false);
            meter.Set(_deliveries.Delivered, _bytes);
            if (i % stride == 0)
                Observe(delivery, due);
        }

        await producer.FlushAsync(cancellationToken).ConfigureAwait(false);
        await _deliveries.DrainAsync(cancellationToken).ConfigureAwait(false);
        meter.Set(_deliveries.Delivered, _bytes);
    }

    /// <summary>The measurement of one record. That the record fails is seen by the queue, which has it too.</summary>
    private void Observe(PendingDelivery delivery, long due)
    {
        var awaiter = delivery.GetAwaiter();
        awaiter.UnsafeOnCompleted(() => meter.AddLatency(time.GetElapsedTime(due)));
    }
}
