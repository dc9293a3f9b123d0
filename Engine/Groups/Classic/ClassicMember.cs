namespace OrleansLog.Engine.Groups.Classic;

/// <summary>A member of a classic group: what it said of itself, and what it waits for.</summary>
internal sealed class ClassicMember(string id, string? instanceId, string clientId, string clientHost)
{
    /// <summary>Its id.</summary>
    public string Id { get; } = id;

    /// <summary><c>group.instance.id</c>; null for a dynamic member.</summary>
    public string? InstanceId { get; } = instanceId;

    /// <summary>Its name for people.</summary>
    public string ClientId { get; } = clientId;

    /// <summary>Where it calls from.</summary>
    public string ClientHost { get; } = clientHost;

    /// <summary>It is removed when not heard of for so long.</summary>
    public int SessionTimeoutMs { get; set; }

    /// <summary>How long it may take to come back when the group rebalances.</summary>
    public int RebalanceTimeoutMs { get; set; }

    /// <summary>What it offers, the best first.</summary>
    public IReadOnlyList<ClassicProtocol> Protocols { get; set; } = [];

    /// <summary>What it owns in the current generation; opaque.</summary>
    public byte[] Assignment { get; set; } = [];

    /// <summary>Whether it has been in no generation yet.</summary>
    public bool IsNew { get; set; }

    /// <summary>Whether it is still to ask for its assignment in this generation.</summary>
    public bool OwesSync { get; set; }

    /// <summary>Its join that waits for the others; null when there is none.</summary>
    public Pending<ClassicJoinResult>? AwaitingJoin { get; set; }

    /// <summary>Its sync that waits for the leader's; null when there is none.</summary>
    public Pending<ClassicSyncResult>? AwaitingSync { get; set; }

    /// <summary>When it is removed unless it is heard of; milliseconds of the coordinator's clock.</summary>
    public long DeadlineMs { get; set; } = long.MaxValue;

    /// <summary>Whether it is kept though it is silent: it waits for an answer. A new member is not, since nobody may be
    /// waiting there any more.</summary>
    public bool IsExcused => !IsNew && (AwaitingJoin is not null || AwaitingSync is not null);

    /// <summary>What it said for a protocol; empty when it does not offer it.</summary>
    public byte[] MetadataFor(string? protocol)
    {
        foreach (var offered in Protocols)
            if (offered.Name == protocol) return offered.Metadata;
        return [];
    }

    /// <summary>Whether it offers a protocol of that name.</summary>
    public bool Offers(string protocol)
    {
        foreach (var offered in Protocols)
            if (offered.Name == protocol) return true;
        return false;
    }

    /// <summary>Whether the given protocols are those that it offers already.</summary>
    public bool Matches(IReadOnlyList<ClassicProtocol> protocols)
    {
        if (protocols.Count != Protocols.Count) return false;
        for (var i = 0; i < protocols.Count; i++)
        {
            if (protocols[i].Name != Protocols[i].Name || !protocols[i].Metadata.AsSpan().SequenceEqual(Protocols[i].Metadata))
                return false;
        }

        return true;
    }

    /// <summary>Answers its join, if one waits.</summary>
    public void AnswerJoin(ClassicJoinResult result)
    {
        var waiting = AwaitingJoin;
        AwaitingJoin = null;
        waiting?.Give(result);
    }

    /// <summary>Answers its sync, if one waits.</summary>
    public void AnswerSync(ClassicSyncResult result)
    {
        var waiting = AwaitingSync;
        AwaitingSync = null;
        waiting?.Give(result);
    }

    /// <summary>The same member under another id: the next process of its instance.</summary>
    public ClassicMember Renamed(string id, string clientId, string clientHost) => new(id, InstanceId, clientId, clientHost)
    {
        SessionTimeoutMs = SessionTimeoutMs,
        RebalanceTimeoutMs = RebalanceTimeoutMs,
        Protocols = Protocols,
        Assignment = Assignment,
        IsNew = IsNew,
        OwesSync = OwesSync,
    };
}
