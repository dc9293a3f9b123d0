using System.Runtime.CompilerServices;

namespace OrleansLog.Tests.Processes;

/// <summary>
/// The runner of the tests keeps two threads of the pool for itself, for as long as it runs, and the pool begins with as many as the
/// machine has cores. On two cores nothing was left then: now and then all tests stood still until the pool grew, which it looks
/// at twice a second, and failovers were measured that took a second longer than they did.
/// </summary>
internal static class TestThreads
{
    private const int TakenByTheRunner = 2;

#pragma warning disable CA2255 // a test assembly is an application here: nobody else calls it
    [ModuleInitializer]
    internal static void MakeRoom()
    {
        ThreadPool.GetMinThreads(out var workers, out var ports);
        ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount) + TakenByTheRunner, ports);
    }
#pragma warning restore CA2255
}
