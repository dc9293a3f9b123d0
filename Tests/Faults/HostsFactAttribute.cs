using OrleansLog.Tests.Cluster.Postgres;
using Xunit;

namespace OrleansLog.Tests.Faults;

/// <summary>A test that needs a PostgreSQL server and hosts of its own; skipped, and counted as such, only where it may not have them.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class HostsFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> CanMakeHosts = new(static () =>
    {
        using var network = HostNetwork.TryCreate(1);
        return network is not null;
    });

    public HostsFactAttribute()
    {
        if (PostgresBinaries.Directory is null) Skip = PostgresBinaries.Missing;
        else if (!CanMakeHosts.Value) Skip = "This process may not make network namespaces: it takes root and the program ip (iproute2).";
    }
}
