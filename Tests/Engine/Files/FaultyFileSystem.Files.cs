using OrleansLog.Engine.Storage;

namespace OrleansLog.Tests.Engine.Files;

public sealed partial class FaultyFileSystem
{
    /// <summary>A directory: its entries, those a power loss leaves, and the changes between the two in their order.</summary>
    private sealed class MemoryDirectory
    {
        private readonly List<(string Name, object? Node)[]> _pending = [];
        private Dictionary<string, object> _durable = [];

        public Dictionary<string, object> Current { get; private set; } = [];

        public object? Find(string name) => Current.GetValueOrDefault(name);

        /// <summary>Changes several entries as one step, such as a rename.</summary>
        public void Change(params (string Name, object? Node)[] entries)
        {
            _pending.Add(entries);
            Apply(Current, entries);
        }

        public void Flush()
        {
            _pending.Clear();
            _durable = new Dictionary<string, object>(Current);
        }

        public void Crash(CrashKind kind, Random random)
        {
            var kept = kind switch
            {
                CrashKind.ForgetAll => 0,
                CrashKind.KeepAll => _pending.Count,
                _ => random.Next(_pending.Count + 1),
            };
            foreach (var entries in _pending.Take(kept)) Apply(_durable, entries);
            Current = _durable;
            Flush();
            foreach (var node in Current.Values)
            {
                if (node is MemoryDirectory directory) directory.Crash(kind, random);
                else ((MemoryFile)node).Crash(kind, random);
            }
        }

        private static void Apply(Dictionary<string, object> entries, (string Name, object? Node)[] changes)
        {
            foreach (var (name, node) in changes)
            {
                if (node is null) entries.Remove(name);
                else entries[name] = node;
            }
        }
    }

    /// <summary>A file: its bytes in sparse sectors, and the sectors that a power loss leaves in place of the changed ones.</summary>
    private sealed class MemoryFile
    {
        private readonly Dictionary<long, byte[]> _sectors = [];
        /// <summary>The durable content of each sector changed since the last flush; null for a hole.</summary>
        private readonly Dictionary<long, byte[]?> _undo = [];
        /// <summary>
        /// The durable content of each sector that a flush failed to write: as on Linux, readers see the new one, and no later flush writes
        /// it, unless the sector is written again.
        /// </summary>
        private readonly Dictionary<long, byte[]?> _lost = [];
        private long _length, _durableLength;

        public int LockedIn { get; set; } = -1;

        public long Length => _length;

        public int Read(Span<byte> buffer, long position)
        {
            var count = (int)Math.Clamp(_length - position, 0, buffer.Length);
            for (var done = 0; done < count;)
            {
                var (sector, at) = Math.DivRem(position + done, SectorBytes);
                var part = (int)Math.Min(count - done, SectorBytes - at);
                if (_sectors.TryGetValue(sector, out var bytes)) bytes.AsSpan((int)at, part).CopyTo(buffer[done..]);
                else buffer.Slice(done, part).Clear();
                done += part;
            }

            return count;
        }

        public void Write(ReadOnlySpan<byte> buffer, long position)
        {
            for (var done = 0; done < buffer.Length;)
            {
                var (sector, at) = Math.DivRem(position + done, SectorBytes);
                var part = (int)Math.Min(buffer.Length - done, SectorBytes - at);
                buffer.Slice(done, part).CopyTo(Writable(sector).AsSpan((int)at));
                done += part;
            }

            _length = Math.Max(_length, position + buffer.Length);
        }

        public void SetLength(long length)
        {
            Trim(length);
            _length = length;
        }

        public void Flush()
        {
            _undo.Clear();
            _durableLength = _length;
        }

        public void FailToFlush()
        {
            foreach (var (sector, before) in _undo) _lost.TryAdd(sector, before);
            _undo.Clear();
        }

        public void FlipBit(long position, int bit)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, _length);
            var (sector, at) = Math.DivRem(position, SectorBytes);
            if (!_sectors.TryGetValue(sector, out var bytes)) _sectors[sector] = bytes = new byte[SectorBytes];
            bytes[at] ^= (byte)(1 << bit);
        }

        public byte[] ToArray()
        {
            var bytes = new byte[_length];
            Read(bytes, 0);
            return bytes;
        }

        public void Crash(CrashKind kind, Random random)
        {
            if (kind != CrashKind.KeepAll)
            {
                // A file's length is kept or lost on its own: data behind the old length is lost with it.
                if (kind == CrashKind.ForgetAll || random.Next(2) == 0) _length = _durableLength;
                foreach (var (sector, before) in _undo)
                {
                    if (kind == CrashKind.Torn && random.Next(2) == 0) continue;
                    if (before is null) _sectors.Remove(sector);
                    else _sectors[sector] = before;
                }

                foreach (var (sector, before) in _lost)
                {
                    if (before is null) _sectors.Remove(sector);
                    else _sectors[sector] = before;
                }

                Trim(_length);
            }

            _lost.Clear();
            Flush();
        }

        /// <summary>Forgets all bytes from <paramref name="length"/> on.</summary>
        private void Trim(long length)
        {
            var (last, at) = Math.DivRem(length, SectorBytes);
            if (at > 0 && _sectors.ContainsKey(last)) Writable(last).AsSpan((int)at).Clear();
            foreach (var sector in _sectors.Keys.Where(s => s > last || (s == last && at == 0)).ToArray())
            {
                _undo.TryAdd(sector, _sectors[sector]);
                _sectors.Remove(sector);
            }
        }

        private byte[] Writable(long sector)
        {
            var known = _sectors.GetValueOrDefault(sector);
            if (_lost.Remove(sector, out var lost) && _undo.TryAdd(sector, lost))
            {
                // Another array than readers may hold, as for any first change.
                return _sectors[sector] = known is null ? new byte[SectorBytes] : [.. known];
            }

            if (_undo.TryAdd(sector, known) || known is null)
                _sectors[sector] = known = known is null ? new byte[SectorBytes] : [.. known];
            return known;
        }
    }

    /// <summary>An open handle; dead after a crash.</summary>
    private sealed class OpenMemoryFile(FaultyFileSystem owner, MemoryFile file, string path, int generation, FileOpenMode mode)
        : ILogFile
    {
        private bool _disposed;

        public long Length => Look(() => file.Length);

        public int Read(Span<byte> buffer, long position)
        {
            lock (owner._gate)
            {
                Check();
                var count = file.Read(buffer, position);
                owner.BytesRead += count;
                return count;
            }
        }

        public void Write(ReadOnlySpan<byte> buffer, long position)
        {
            lock (owner._gate)
            {
                CheckWritable();
                try
                {
                    owner.Enter(FileOperation.Write, path, position, buffer.Length);
                }
                catch (IOException)
                {
                    // A failed write may have written a part, and usually has when the disk is full.
                    file.Write(buffer[..(buffer.Length / 2)], position);
                    throw;
                }

                file.Write(buffer, position);
            }
        }

        public void Flush()
        {
            owner.BeforeFlush?.Invoke(path);
            lock (owner._gate)
            {
                Check();
                try
                {
                    owner.Enter(FileOperation.Flush, path, length: file.Length);
                }
                catch (IOException) when (!owner._crashed)
                {
                    file.FailToFlush();
                    throw;
                }

                file.Flush();
                owner.FlushCount++;
            }
        }

        public void SetLength(long length)
        {
            lock (owner._gate)
            {
                CheckWritable();
                owner.Enter(FileOperation.SetLength, path, length: length);
                file.SetLength(length);
            }
        }

        public void Allocate(long length)
        {
            if (Length < length) SetLength(length);
        }

        public void Dispose()
        {
            lock (owner._gate)
            {
                if (!_disposed && mode == FileOpenMode.Lock && file.LockedIn == generation) file.LockedIn = -1;
                _disposed = true;
            }
        }

        private T Look<T>(Func<T> look)
        {
            lock (owner._gate)
            {
                Check();
                return look();
            }
        }

        private void CheckWritable()
        {
            Check();
            if (mode == FileOpenMode.Read) throw new UnauthorizedAccessException($"'{path}' was opened for reading.");
        }

        private void Check()
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            owner.CheckAlive();
            if (generation != owner._generation) throw new IOException($"'{path}' was opened before a crash.");
        }
    }
}
