using System.Globalization;
using System.Text;

namespace OrleansLog.Cli.Rendering;

/// <summary>How far some work has come.</summary>
/// <param name="Records">Records done.</param>
/// <param name="Bytes">Bytes done.</param>
/// <param name="Done">What the bar counts.</param>
/// <param name="Total">What the bar counts, when all is done; null when that is not known.</param>
internal readonly record struct ProgressState(long Records, long Bytes, long Done, long? Total);

/// <summary>
/// Keeps one line of a terminal up to date while work goes on: a bar where the end is known, and the rate. Disposing of it
/// removes the line.
/// </summary>
internal sealed class ProgressLine : IAsyncDisposable
{
    private const int BarWidth = 30;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly TextWriter? _output;
    private readonly TimeProvider _time;
    private readonly Func<ProgressState> _state;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    private ProgressLine(TextWriter? output, TimeProvider time, Func<ProgressState> state)
    {
        _output = output;
        _time = time;
        _state = state;
        _loop = output is null ? Task.CompletedTask : LoopAsync(output);
    }

    /// <summary>Begins to show progress.</summary>
    /// <param name="output">The terminal; null to show nothing.</param>
    /// <param name="time">The clock.</param>
    /// <param name="state">Asked five times a second, on another thread.</param>
    public static ProgressLine Start(TextWriter? output, TimeProvider time, Func<ProgressState> state) => new(output, time, state);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
        if (_output is null)
            return;
        await _output.WriteAsync("\r\u001b[K").ConfigureAwait(false);
        await _output.FlushAsync().ConfigureAwait(false);
    }

    /// <summary>The line: "[#######.......]  43 %  4,300,000 records  512,345/s  82.1 MB/s  0:12 left".</summary>
    public static string Format(in ProgressState state, in ProgressState before, TimeSpan interval, TimeSpan elapsed)
    {
        var line = new StringBuilder();
        if (state.Total is > 0 and var total)
        {
            var share = Math.Clamp((double)state.Done / total, 0, 1);
            var filled = (int)(share * BarWidth);
            line.Append('[').Append('#', filled).Append('.', BarWidth - filled).Append(']')
                .Append(CultureInfo.InvariantCulture, $" {Math.Floor(share * 100),3:0} %  ");
        }

        var seconds = Math.Max(interval.TotalSeconds, 0.001);
        line.Append(CultureInfo.InvariantCulture, $"{Quantity.Count(state.Records)} records  ")
            .Append(CultureInfo.InvariantCulture, $"{Quantity.Count((state.Records - before.Records) / seconds)}/s  ")
            .Append(CultureInfo.InvariantCulture, $"{Quantity.Bytes((state.Bytes - before.Bytes) / seconds)}/s");
        if (state.Total is > 0 and var end && state.Done > 0 && elapsed.TotalSeconds > 1)
        {
            var left = elapsed * ((double)(end - state.Done) / state.Done);
            line.Append(CultureInfo.InvariantCulture, $"  {Quantity.Duration(left < TimeSpan.Zero ? TimeSpan.Zero : left)} left");
        }

        return line.ToString();
    }

    private async Task LoopAsync(TextWriter output)
    {
        var start = _time.GetTimestamp();
        var last = start;
        var before = default(ProgressState);
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                var now = _time.GetTimestamp();
                var state = _state();
                var line = Format(state, before, _time.GetElapsedTime(last, now), _time.GetElapsedTime(start, now));
                await output.WriteAsync($"\r{line}\u001b[K").ConfigureAwait(false);
                await output.FlushAsync(_stop.Token).ConfigureAwait(false);
                (before, last) = (state, now);
            }
        }
        catch (OperationCanceledException)
        {
            // the work is done
        }
    }
}
