using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>A test that needs kcat.</summary>
public sealed class KcatFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> IsThere = new(() => RealClient.Has("kcat", "-V"));

    public KcatFactAttribute()
    {
        if (!IsThere.Value) Skip = "kcat is not installed (Debian: apt-get install kcat).";
    }
}

/// <summary>A test that needs the two Kafka clients of Python, as Debian packages them.</summary>
public sealed class PythonClientsFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> AreThere = new(() => RealClient.Has(RealClient.Python, "-c", "import kafka, confluent_kafka"));

    public PythonClientsFactAttribute()
    {
        if (!AreThere.Value)
            Skip = "python3-kafka or python3-confluent-kafka is not installed (Debian: apt-get install python3-kafka python3-confluent-kafka).";
    }
}
