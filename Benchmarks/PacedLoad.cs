using System.Diagnostics;

namespace OrleansLog.Benchmarks;

/// <summary>So many operations a second, whether or not those before are done; the latencies of all but the first seconds.</summary>
internal static class PacedLoad
{
    public const int PerSecond = 1000;
    private const int Seconds = 15, WarmUpSeconds = 5;

    /// <param name="operate">Starts the operation of that number; answers how many seconds it took.</param>
    public static async Task<List<double>> RunAsync(Func<int, Task<double>> operate)
    {
        var pending = new List<Task<double>>();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < PerSecond * (Seconds + WarmUpSeconds); i++)
        {
            var due = TimeSpan.FromSeconds((double)i / PerSecond);
            while (clock.Elapsed < due) await Task.Delay(1);
            if (i == PerSecond * WarmUpSeconds) pending.Clear();
            pending.Add(operate(i));
        }

        return [.. await Task.WhenAll(pending)];
    }
}
