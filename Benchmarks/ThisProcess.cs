using System.Diagnostics;

namespace OrleansLog.Benchmarks;

/// <summary>The process that measures, which is the client as well.</summary>
internal static class ThisProcess
{
    /// <summary>CPU that it has used since its start, in user and kernel mode.</summary>
    public static double CpuSeconds
    {
        get
        {
            using var self = Process.GetCurrentProcess();
            return self.TotalProcessorTime.TotalSeconds;
        }
    }
}
