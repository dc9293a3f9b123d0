using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace OrleansLog.Tests.Faults;

/// <summary>
/// Hosts of their own on one machine: network namespaces that are joined by a bridge. The machine itself is on the bridge with two
/// addresses, one for clients and one for the database, so that either can be cut off by itself.
/// <para>
/// A host is cut off from an address by a neighbour entry with a hardware address that nobody has: what it sends there is lost
/// without a word, as on a broken network, and the other direction goes on.
/// </para>
/// </summary>
internal sealed class HostNetwork : IDisposable
{
    private const string Nobody = "02:00:00:00:ff:ff";
    private static int _networks;

    private readonly string _name;
    private readonly string _subnet;
    private readonly int _hosts;
    private readonly HashSet<(int Host, string Address)> _cuts = [];

    private HostNetwork(int hosts)
    {
        _hosts = hosts;
        var id = (Environment.ProcessId + (37 * Interlocked.Increment(ref _networks))) % 250;
        _name = string.Create(CultureInfo.InvariantCulture, $"olog{id}");
        _subnet = string.Create(CultureInfo.InvariantCulture, $"10.213.{id}");
    }

    /// <summary>Where the database listens.</summary>
    public string DatabaseAddress => _subnet + ".253";

    /// <summary>The hosts' addresses with their prefix, such as 10.0.0.0/24.</summary>
    public string Network => _subnet + ".0/24";

    /// <summary>Makes the network; null where this process may not.</summary>
    public static HostNetwork? TryCreate(int hosts)
    {
        var network = new HostNetwork(hosts);
        try
        {
            network.Create();
            return network;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            network.Dispose();
            return null;
        }
    }

    /// <summary>The address of a host, from 1.</summary>
    public string Address(int host) => string.Create(CultureInfo.InvariantCulture, $"{_subnet}.{host}");

    /// <summary>The command that runs another on a host.</summary>
    public string[] Launcher(int host) => ["ip", "netns", "exec", Namespace(host)];

    /// <summary>Loses all that a host sends to another, or to <see cref="DatabaseAddress"/>.</summary>
    public void Cut(int host, string address)
    {
        Ip("-n", Namespace(host), "neigh", "replace", address, "lladdr", Nobody, "dev", "eth0", "nud", "permanent");
        _cuts.Add((host, address));
    }

    /// <summary>Cuts both directions between two hosts.</summary>
    public void CutBetween(int one, int other)
    {
        Cut(one, Address(other));
        Cut(other, Address(one));
    }

    /// <summary>Undoes all cuts.</summary>
    public void Heal()
    {
        foreach (var (host, address) in _cuts) Ip("-n", Namespace(host), "neigh", "del", address, "dev", "eth0");
        _cuts.Clear();
    }

    public void Dispose()
    {
        for (var host = 1; host <= _hosts; host++) Try("netns", "del", Namespace(host));
        Try("link", "del", _name);
    }

    private string Namespace(int host) => string.Create(CultureInfo.InvariantCulture, $"{_name}-{host}");

    private void Create()
    {
        Ip("link", "add", _name, "type", "bridge");
        Ip("addr", "add", _subnet + ".254/24", "dev", _name);
        Ip("addr", "add", DatabaseAddress + "/24", "dev", _name);
        Ip("link", "set", _name, "up");
        for (var host = 1; host <= _hosts; host++)
        {
            var (name, link) = (Namespace(host), string.Create(CultureInfo.InvariantCulture, $"{_name}v{host}"));
            Ip("netns", "add", name);
            Ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name);
            Ip("link", "set", link, "master", _name, "up");
            Ip("-n", name, "addr", "add", Address(host) + "/24", "dev", "eth0");
            Ip("-n", name, "link", "set", "eth0", "up");
            Ip("-n", name, "link", "set", "lo", "up");
        }
    }

    private static void Try(params string[] arguments)
    {
        try
        {
            Ip(arguments);
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            // It was not there.
        }
    }

    private static void Ip(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {errors.Trim()}");
    }
}
