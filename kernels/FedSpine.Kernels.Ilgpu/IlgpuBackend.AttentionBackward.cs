using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>dq of eight queries of a sequence and head: p = exp(s - lse), ds = p (do v^T - do o), dq = scale ds k. One key a thread at a time.</summary>
    private static void AttentionQueryKernel(FloatView dq, AttentionSaved x, IntView lengths, AttentionArguments s)
    {
        var tileX = SharedMemory.Allocate<float>(AttentionRows * AttentionDepth).AsAligned(16);
        var tileY = SharedMemory.Allocate<float>(AttentionTileY);
        var shared = SharedMemory.Allocate<float>(AttentionRows * MaxAttentionGroup).AsAligned(16).Cast<Eight>();
        var slopes = SharedMemory.Allocate<float>(AttentionRows * MaxAttentionGroup).AsAligned(16).Cast<Eight>();
        var at = AttentionPlace.Of(s, s.QueryHeads);
        int length = LengthOf(lengths, at.B, s.T), keys = at.Keys(s, length);
        var queries = at.Rows(s, s.QueryHeads);
        var keyRows = at.KeyRows(s, keys);
        Eight delta = default;
        for (int d = Group.IdxX; d < s.D; d += Group.DimX)
        {
            delta = Eight.Plus(delta, Eight.Times(queries.Column(x.DO, d), queries.Column(x.O, d)));
            queries.Store(dq, d, default);
        }

        delta = GroupSum(shared, delta);
        Eight lse = at.Row(s, s.QueryHeads).Column(x.Lse, 0);
        for (int start = 0; start < keys; start += Group.DimX)
        {
            Eight p = Eight.Exp(Eight.Less(Eight.Times(s.Scale, Dots(tileX, tileY, x.Q, queries, x.K, keyRows, start, s.D)), lse));
            Eight slope = Eight.Less(Dots(tileX, tileY, x.DO, queries, x.V, keyRows, start, s.D), delta);
            slope = Eight.Select(at.Sees(s, length, start + Group.IdxX), Eight.Times(s.Scale, Eight.Times(p, slope)), 0);
            slopes[Group.IdxX] = slope; // read before the barriers of the dots above
            Group.Barrier();
            for (int d = Group.IdxX; d < s.D; d += Group.DimX)
                queries.Store(dq, d, AddWeighted(queries.Column(dq, d), slopes, x.K, keyRows, start, d));
        }
    }

    /// <summary>dk and dv of eight keys of a sequence and head: over the query heads on it and the queries that see them, in order. One query a thread at a time.</summary>
    private static void AttentionKeyKernel(FloatView dk, FloatView dv, AttentionSaved x, IntView lengths, AttentionArguments s)
    {
        var tileX = SharedMemory.Allocate<float>(AttentionRows * AttentionDepth).AsAligned(16);
        var tileY = SharedMemory.Allocate<float>(AttentionTileY);
        var slopes = SharedMemory.Allocate<float>(AttentionRows * MaxAttentionGroup).AsAligned(16).Cast<Eight>();
        var weights = SharedMemory.Allocate<float>(AttentionRows * MaxAttentionGroup).AsAligned(16).Cast<Eight>();
        var at = AttentionPlace.Of(s, s.KeyValueHeads);
        int length = LengthOf(lengths, at.B, s.T), group = s.QueryHeads / s.KeyValueHeads;
        var keys = at.Rows(s, s.KeyValueHeads);
        for (int d = Group.IdxX; d < s.D; d += Group.DimX)
        {
            keys.Store(dk, d, default);
            keys.Store(dv, d, default);
        }

        int first = s.Causal != 0 ? at.T0 : 0, last = at.T0 < length ? length : 0;
        for (int h = at.H * group; h < (at.H + 1) * group; h++)
        {
            var queries = new AttentionSpan { Start = (at.B * s.T * s.QueryHeads + h) * s.D, Stride = s.QueryHeads * s.D, Count = last };
            for (int start = first; start < last; start += Group.DimX)
            {
                int i = start + Group.IdxX;
                int row = i < last ? i : last - 1;
                float lse = x.Lse[(at.B * s.QueryHeads + h) * s.T + row];
                float delta = RowDot(tileY, x.DO, x.O, queries, start, s.D);
                Eight weight = Eight.Exp(Eight.Less(Eight.Times(s.Scale, Dots(tileX, tileY, x.K, keys, x.Q, queries, start, s.D)), Eight.All(lse)));
                Eight slope = Eight.Less(Dots(tileX, tileY, x.V, keys, x.DO, queries, start, s.D), Eight.All(delta));
                Eight seen = at.SeenBy(s, length, i);
                weights[Group.IdxX] = Eight.Select(seen, weight, 0); // read before the barriers of the dots above
                slopes[Group.IdxX] = Eight.Select(seen, Eight.Times(s.Scale, Eight.Times(weight, slope)), 0);
                Group.Barrier();
                for (int d = Group.IdxX; d < s.D; d += Group.DimX)
                {
                    keys.Store(dk, d, AddWeighted(keys.Column(dk, d), slopes, x.Q, queries, start, d));
                    keys.Store(dv, d, AddWeighted(keys.Column(dv, d), weights, x.DO, queries, start, d));
                }
            }
        }
    }
}
