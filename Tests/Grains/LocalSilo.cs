namespace OrleansLog.Tests.Grains;

/// <summary>The silo that a part under test believes to be in.</summary>
internal sealed record LocalSilo(SiloAddress SiloAddress) : ILocalSiloDetails
{
    public string Name => "silo";

    public string ClusterId => "default";

    public string DnsHostName => "host";

    public SiloAddress GatewayAddress => SiloAddress;
}
