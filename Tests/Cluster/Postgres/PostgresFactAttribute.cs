using Xunit;

namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>A test that needs a PostgreSQL server; skipped, and counted as such, only where none is installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute()
    {
        if (PostgresBinaries.Directory is null) Skip = PostgresBinaries.Missing;
    }
}
