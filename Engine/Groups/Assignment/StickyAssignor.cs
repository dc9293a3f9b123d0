namespace OrleansLog.Engine.Groups.Assignment;

/// <summary>
/// Balances the number of partitions a member owns while moving as few of them as can be. With equal subscriptions, loads
/// differ by at most one and no assignment so balanced moves fewer. With different ones, no partition can go to a member that
/// would still have fewer than its owner had.
/// </summary>
internal sealed class StickyAssignor : IPartitionAssignor
{
    /// <summary>Its name.</summary>
    public const string AssignorName = "sticky";

    /// <inheritdoc/>
    public string Name => AssignorName;

    /// <inheritdoc/>
    public IReadOnlyList<PartitionSet> Assign(IReadOnlyList<AssignmentMember> members)
    {
        var first = members[0].Topics;
        var equal = members.All(member => member.Topics.Count == first.Count
            && member.Topics.Zip(first).All(pair => pair.First.Id == pair.Second.Id));
        return Assignors.ToSets(equal ? AssignEqual(members) : new UnequalAssignment(members).Assign());
    }

    private static List<TopicIdPartition>[] AssignEqual(IReadOnlyList<AssignmentMember> members)
    {
        var partitions = Assignors.PartitionsOf(members);
        var free = partitions.Select(entry => entry.Partition).ToHashSet();
        var kept = Assignors.NewLists(members.Count);
        for (var i = 0; i < members.Count; i++)
        {
            foreach (var partition in members[i].Target)
                if (free.Remove(partition)) kept[i].Add(partition);
        }

        // Whoever has most keeps one more than the others, if the partitions do not divide evenly: that moves fewest.
        var (share, rest) = Math.DivRem(partitions.Count, members.Count);
        var byLoad = Enumerable.Range(0, members.Count).OrderByDescending(i => kept[i].Count).ToArray();
        var quota = new int[members.Count];
        for (var rank = 0; rank < byLoad.Length; rank++) quota[byLoad[rank]] = share + (rank < rest ? 1 : 0);
        for (var i = 0; i < members.Count; i++)
        {
            if (kept[i].Count <= quota[i]) continue;
            free.UnionWith(kept[i].Skip(quota[i]));
            kept[i].RemoveRange(quota[i], kept[i].Count - quota[i]);
        }

        DealOut(partitions.Select(entry => entry.Partition).Where(free.Contains), kept, quota);
        return kept;
    }

    /// <summary>Deals in turns, so that the partitions of one topic are spread.</summary>
    private static void DealOut(IEnumerable<TopicIdPartition> free, List<TopicIdPartition>[] lists, int[] quota)
    {
        var open = new Queue<int>(Enumerable.Range(0, lists.Length).Where(i => lists[i].Count < quota[i]));
        foreach (var partition in free)
        {
            var member = open.Dequeue();
            lists[member].Add(partition);
            if (lists[member].Count < quota[member]) open.Enqueue(member);
        }
    }

    /// <summary>One assignment to members that subscribe to different topics.</summary>
    private sealed class UnequalAssignment(IReadOnlyList<AssignmentMember> members)
    {
        // Every move lowers the sum of the squared loads, so passes end by themselves; this bounds the time they may take.
        private const int MaxPasses = 64;

        private readonly Dictionary<Guid, List<int>> _subscribers = Assignors.SubscribersOf(members);
        private readonly Dictionary<TopicIdPartition, int> _owners = [];
        private readonly int[] _loads = new int[members.Count];

        public List<TopicIdPartition>[] Assign()
        {
            // The choosier a partition, the earlier it chooses.
            var partitions = Assignors.PartitionsOf(members).Select(entry => entry.Partition)
                .OrderBy(partition => _subscribers[partition.TopicId].Count).ToList();
            Keep(partitions);
            foreach (var partition in partitions)
            {
                if (_owners.ContainsKey(partition)) continue;
                var owner = LeastLoaded(partition);
                _owners.Add(partition, owner);
                _loads[owner]++;
            }

            for (var pass = 0; pass < MaxPasses && Balance(partitions); pass++) { }

            var lists = Assignors.NewLists(members.Count);
            foreach (var (partition, owner) in _owners) lists[owner].Add(partition);
            return lists;
        }

        private void Keep(List<TopicIdPartition> partitions)
        {
            var known = partitions.ToHashSet();
            for (var i = 0; i < members.Count; i++)
            {
                foreach (var partition in members[i].Target)
                {
                    if (!known.Contains(partition) || !_subscribers[partition.TopicId].Contains(i)) continue;
                    if (_owners.TryAdd(partition, i)) _loads[i]++;
                }
            }
        }

        private bool Balance(List<TopicIdPartition> partitions)
        {
            var moved = false;
            foreach (var partition in partitions)
            {
                var (from, to) = (_owners[partition], LeastLoaded(partition));
                if (_loads[to] + 1 >= _loads[from]) continue;
                _owners[partition] = to;
                _loads[from]--;
                _loads[to]++;
                moved = true;
            }

            return moved;
        }

        private int LeastLoaded(TopicIdPartition partition)
        {
            var best = -1;
            foreach (var candidate in _subscribers[partition.TopicId])
                if (best < 0 || _loads[candidate] < _loads[best]) best = candidate;
            return best;
        }
    }
}
