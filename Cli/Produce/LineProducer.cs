using System.Globalization;
using OrleansLog.Cli.Input;
using OrleansLog.Client;

namespace OrleansLog.Cli.Produce;

/// <summary>
/// Sends lines as records. Memory is bounded by the line reader's buffer, the producer's, and <see cref="DeliveryQueue"/>;
/// reading waits when they are full. One run.
/// </summary>
internal sealed class LineProducer(
    Producer<NullableBytes, NullableBytes> producer, ProduceSettings settings, ProduceProgress progress, TimeProvider time)
{
    /// <summary>How long a run that was told to stop waits for what is under way.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly DeliveryQueue _deliveries = new();
    private readonly List<(long FirstIndex, string Name)> _sources = [];
    private Exception? _inputError;

    /// <summary>Sends all lines of all sources, one source after the other.</summary>
    public async Task<ProduceResult> RunAsync(IReadOnlyList<InputSource> sources, CancellationToken stop)
    {
        var start = time.GetTimestamp();
        var interrupted = false;
        try
        {
            foreach (var source in sources)
            {
                if (!await SendAsync(source, stop).ConfigureAwait(false))
                    break;
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            interrupted = true;
        }

        await SettleAsync(interrupted, stop).ConfigureAwait(false);
        return new ProduceResult(
            progress.Lines,
            progress.BytesRead,
            _deliveries.Delivered,
            _deliveries.Failed,
            _deliveries.Pending,
            progress.LinesWithoutKey,
            _deliveries.FirstFailure,
            PlaceOf(_deliveries.FirstFailedIndex),
            _inputError,
            interrupted || stop.IsCancellationRequested,
            time.GetElapsedTime(start));
    }

    /// <returns>Whether to go on with the next source.</returns>
    private async Task<bool> SendAsync(InputSource source, CancellationToken stop)
    {
        _sources.Add((progress.Lines, source.Name));
        try
        {
            var stream = source.Open();
            await using (stream.ConfigureAwait(false))
            {
                var reader = new LineReader(stream, settings.MaxLineBytes, settings.StripCarriageReturn);
                return await SendAsync(reader, stop).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is LineTooLongException or IOException or UnauthorizedAccessException)
        {
            _inputError = new IOException($"{source.Name}: {exception.Message}", exception);
            return false;
        }
    }

    private async Task<bool> SendAsync(LineReader reader, CancellationToken stop)
    {
        while (await FillAsync(reader, stop).ConfigureAwait(false))
        {
            while (reader.TryRead(out var line))
            {
                var record = settings.Format.Read(line);
                progress.AddLine(settings.Format.HasKeys && !record.Key.HasValue);
                var sent = SendAsync(record, stop);
                if (!sent.IsCompletedSuccessfully)
                    await sent.ConfigureAwait(false);
                if (_deliveries.Failed > 0 && !settings.KeepGoing)
                    return false;
            }
        }

        return true;
    }

    /// <summary>A blocked read (of a pipe, of the keyboard) cannot be called off, only be left behind.</summary>
    private async ValueTask<bool> FillAsync(LineReader reader, CancellationToken stop)
    {
        var before = reader.BytesRead;
        _deliveries.Reap();
        var more = await reader.FillAsync(stop).AsTask().WaitAsync(stop).ConfigureAwait(false);
        progress.AddBytes(reader.BytesRead - before);
        return more;
    }

    private ValueTask SendAsync(in LineRecord record, CancellationToken stop)
    {
        try
        {
            var enqueued = producer.EnqueueAsync(
                new ProducerRecord<NullableBytes, NullableBytes>(settings.Topic, record.Key, record.Value)
                {
                    Partition = settings.Partition, Headers = settings.Headers,
                },
                stop);
            return enqueued.IsCompletedSuccessfully
                ? _deliveries.AddAsync(enqueued.Result, stop)
                : AwaitAsync(enqueued, stop);
        }
        catch (Exception exception) when (IsRefusal(exception, stop))
        {
            _deliveries.AddRefused(exception);
            return default;
        }
    }

    private async ValueTask AwaitAsync(ValueTask<PendingDelivery> enqueued, CancellationToken stop)
    {
        PendingDelivery delivery;
        try
        {
            delivery = await enqueued.ConfigureAwait(false);
        }
        catch (Exception exception) when (IsRefusal(exception, stop))
        {
            _deliveries.AddRefused(exception);
            return;
        }

        await _deliveries.AddAsync(delivery, stop).ConfigureAwait(false);
    }

    private static bool IsRefusal(Exception exception, CancellationToken stop) =>
        exception is not OutOfMemoryException && !(exception is OperationCanceledException && stop.IsCancellationRequested);

    private async Task SettleAsync(bool interrupted, CancellationToken stop)
    {
        using var patience = new CancellationTokenSource();
        // Told to stop, be it now or while waiting, it still hears the answers to what it has sent, but not for ever.
        using var registration = stop.UnsafeRegister(state => ((CancellationTokenSource)state!).CancelAfter(Patience), patience);
        if (interrupted)
            patience.CancelAfter(Patience);
        try
        {
            await producer.FlushAsync(patience.Token).ConfigureAwait(false);
            await _deliveries.DrainAsync(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            _deliveries.Reap();
        }
    }

    private string? PlaceOf(long index)
    {
        if (index < 0)
            return null;
        var (first, name) = _sources.FindLast(source => source.FirstIndex <= index);
        return string.Create(CultureInfo.InvariantCulture, $"line {index - first + 1} of {name}");
    }
}
