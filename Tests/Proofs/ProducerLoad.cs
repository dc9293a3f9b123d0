using System.Diagnostics;
using System.Threading.Channels;
using OrleansLog.Client;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// Producers (idempotent, acks=all) that produce keyed records as fast as they are told to until stopped, and note what is
/// acknowledged. They do nothing about a crash: going on is the client's business.
/// </summary>
internal sealed class ProducerLoad
{
    // Short beside the outages that are measured, as a pause of the load looks like one.
    private const int PausesPerSecond = 20;
    private const int MaxPending = 100_000;

    private readonly string _topic;
    private readonly Ledger _ledger;
    private readonly int _recordsPerSecond;
    private readonly CancellationTokenSource _stop = new();
    private readonly long[] _sent;
    private readonly Task[] _producers;

    private ProducerLoad(OrleansLogClient client, string topic, Ledger ledger, int producers, int recordsPerSecond)
    {
        _topic = topic;
        _ledger = ledger;
        _recordsPerSecond = recordsPerSecond;
        _sent = new long[producers];
        _producers = [.. Enumerable.Range(0, producers).Select(number => Task.Run(() => RunAsync(client, number)))];
    }

    /// <summary>How many records each producer has sent; final after <see cref="StopAsync"/>.</summary>
    public IReadOnlyList<long> Sent => _sent;

    /// <param name="client">The connection.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="ledger">Where to note what is acknowledged.</param>
    /// <param name="producers">How many producers.</param>
    /// <param name="recordsPerSecond">How fast each of them goes at most.</param>
    public static ProducerLoad Start(OrleansLogClient client, string topic, Ledger ledger, int producers, int recordsPerSecond) =>
        new(client, topic, ledger, producers, recordsPerSecond);

    /// <summary>Ends the load once all that was sent is acknowledged.</summary>
    public async Task StopAsync(TimeSpan limit)
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_producers).WaitAsync(limit);
    }

    /// <summary>Lets go of a load whose silo is gone for good.</summary>
    public void Abandon() => _stop.Cancel();

    private async Task RunAsync(OrleansLogClient client, int number)
    {
        var options = new ProducerOptions<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>
        {
            KeySerializer = Serializers.BorrowedBytes,
            ValueSerializer = Serializers.BorrowedBytes,
            BatchSize = 16 * 1024,
            BufferMemory = 2 * 1024 * 1024,
            DeliveryTimeoutMs = 600_000,
            MaxBlockMs = 600_000,
        };
        await using var producer = client.CreateProducer(options);
        // One for each partition: a partition that is stuck must not hide what the others acknowledge.
        var pending = Enumerable.Range(0, _ledger.Partitions)
            .Select(static _ => Channel.CreateBounded<(LedgerRecord, PendingDelivery)>(MaxPending)).ToArray();
        var reapers = pending.Select(channel => Task.Run(() => ReapAsync(channel.Reader))).ToArray();
        try
        {
            await SendAsync(producer, number, pending);
        }
        finally
        {
            foreach (var channel in pending) channel.Writer.Complete();
        }

        await producer.FlushAsync();
        await Task.WhenAll(reapers);
    }

    private async Task SendAsync(
        Producer<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> producer, int number, Channel<(LedgerRecord, PendingDelivery)>[] pending)
    {
        var key = new byte[LedgerRecord.KeyLength];
        var value = new byte[LedgerRecord.MaxValueLength];
        var start = Stopwatch.GetTimestamp();
        var paceRecords = Math.Max(1, _recordsPerSecond / PausesPerSecond);
        for (long sequence = 0; !_stop.IsCancellationRequested; sequence++)
        {
            var record = new LedgerRecord(number, sequence);
            record.WriteKey(key);
            record.WriteValue(value);
            var delivery = await producer.EnqueueAsync(_topic, key, value.AsMemory(0, record.ValueLength));
            _sent[number] = sequence + 1;
            await pending[record.PartitionOf(_ledger.Partitions)].Writer.WriteAsync((record, delivery));
            if (sequence % paceRecords != 0) continue;
            var ahead = TimeSpan.FromSeconds((double)sequence / _recordsPerSecond) - Stopwatch.GetElapsedTime(start);
            // What an outage held up is not caught up on, or the load would no longer be the one asked for.
            if (ahead < TimeSpan.Zero) start -= (long)(ahead.TotalSeconds * Stopwatch.Frequency);
            else await Task.Delay(ahead);
        }
    }

    private async Task ReapAsync(ChannelReader<(LedgerRecord, PendingDelivery)> pending)
    {
        await foreach (var (record, delivery) in pending.ReadAllAsync())
        {
            try
            {
                var place = await delivery;
                _ledger.Acknowledge(record, place.Partition.Partition, place.Offset);
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                _ledger.Fail(record, failure);
            }
        }
    }
}
