using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Memory;

/// <summary>
/// Activations and scratch of a step. The same forward and backward code runs twice: once recording, against a
/// <see cref="RecordingBackend"/>, to learn every buffer's size and lifetime; then for real, replaying the planned offsets
/// out of one arena without allocating anything.
/// </summary>
/// <remarks>
/// Rents must come in the same order in every run of one plan; a run may ask for smaller buffers than planned (shorter
/// sequences, fewer rows), never larger. A recording only ever runs on one thread.
/// </remarks>
public sealed class Workspace
{
    private readonly List<WorkspacePlan.Buffer>? _recording;
    private readonly WorkspacePlan? _plan;
    private readonly Arena _arena;
    private int _next;
    private int _clock;

    private Workspace(List<WorkspacePlan.Buffer>? recording, WorkspacePlan? plan, Arena arena)
    {
        _recording = recording;
        _plan = plan;
        _arena = arena;
    }

    /// <summary>A workspace that records; end with <see cref="Plan"/>.</summary>
    public static Workspace Record() => new([], null, new RecordingArena());

    /// <summary>A workspace that replays <paramref name="plan"/> out of <paramref name="arena"/>, which must hold at least <see cref="WorkspacePlan.Bytes"/>.</summary>
    public static Workspace Replay(WorkspacePlan plan, Arena arena)
    {
        if (arena.Bytes < plan.Bytes)
            throw new ArgumentException($"the arena holds {arena.Bytes} bytes, the plan needs {plan.Bytes}", nameof(arena));
        return new Workspace(null, plan, arena);
    }

    public bool IsRecording => _recording is not null;

    /// <summary>Starts a step: the next rent is the plan's first.</summary>
    public void Begin() => _next = 0;

    /// <summary>A buffer of uninitialised memory, valid until it is released (or the step ends).</summary>
    public DeviceSpan<T> Rent<T>(int length) where T : unmanaged
    {
        long bytes = Arena.Align((long)length * Unsafe.SizeOf<T>());
        int index = _next++;
        if (_recording is not null)
        {
            _recording.Add(new WorkspacePlan.Buffer(bytes, _clock++, int.MaxValue));
            // While recording, the offset is the buffer's number, so that Release can find it.
            return new DeviceSpan<T>(_arena, (long)index << 40, length);
        }

        if (index >= _plan!.Buffers.Count)
            throw new InvalidOperationException($"rent {index + 1} of a plan that recorded {_plan.Buffers.Count}");
        if (bytes > _plan.Buffers[index].Bytes)
            throw new InvalidOperationException($"rent {index + 1} asks for {bytes} bytes, the plan has {_plan.Buffers[index].Bytes}");
        return new DeviceSpan<T>(_arena, _plan.Offsets[index], length);
    }

    /// <summary>Ends the buffer's lifetime: later rents may lie where it lay. <c>default</c> is ignored.</summary>
    public void Release<T>(DeviceSpan<T> buffer) where T : unmanaged
    {
        if (_recording is null || buffer.IsEmpty)
            return;
        int index = (int)(buffer.ByteOffset >> 40);
        _recording[index] = _recording[index] with { End = _clock++ };
    }

    /// <summary>Packs what was recorded.</summary>
    public WorkspacePlan Plan() => WorkspacePlan.Pack(_recording ?? throw new InvalidOperationException("not a recording workspace"));

    private sealed class RecordingArena() : Arena(0)
    {
        public override void Dispose() { }
    }
}
