using System.Buffers.Binary;
using System.Text;

namespace FedSpine.Engine.Text;

/// <summary>Writes a <see cref="SentencePieceModel"/> as sentencepiece_model.proto's ModelProto: the tokenizer.model of Hugging Face folders.</summary>
internal static class SentencePieceWriter
{
    private const int Varint = 0, Delimited = 2, Fixed32 = 5, Bpe = 2;

    /// <param name="special">Ids of the unknown, first and last token, for readers that go by id; null: none.</param>
    public static byte[] Write(SentencePieceModel model, SpecialTokens special)
    {
        var file = new MemoryStream();
        Span<byte> score = stackalloc byte[4];
        foreach (var piece in model.Pieces)
        {
            var item = new MemoryStream();
            WriteText(item, 1, piece.Text);
            WriteKey(item, 2, Fixed32);
            BinaryPrimitives.WriteSingleLittleEndian(score, piece.Score);
            item.Write(score);
            WriteNumber(item, 3, (int)piece.Kind);
            WriteBytes(file, 1, item.ToArray());
        }

        var trainer = new MemoryStream();
        WriteNumber(trainer, 3, Bpe);
        WriteNumber(trainer, 4, model.Pieces.Count);
        WriteNumber(trainer, 35, model.ByteFallback ? 1 : 0);
        WriteNumber(trainer, 40, special.Unk ?? -1);
        WriteNumber(trainer, 41, special.Bos ?? -1);
        WriteNumber(trainer, 42, special.Eos ?? -1);
        WriteNumber(trainer, 43, -1);
        WriteText(trainer, 46, model.BosPiece);
        WriteText(trainer, 47, model.EosPiece);
        WriteBytes(file, 2, trainer.ToArray());

        var normalizer = new MemoryStream();
        WriteText(normalizer, 1, "identity");
        WriteNumber(normalizer, 3, model.AddDummyPrefix ? 1 : 0);
        WriteNumber(normalizer, 4, model.RemoveExtraBlanks ? 1 : 0);
        WriteNumber(normalizer, 5, 1);
        WriteBytes(file, 3, normalizer.ToArray());
        return file.ToArray();
    }

    private static void WriteKey(Stream stream, int field, int kind) => WriteVarint(stream, (ulong)(field << 3 | kind));

    private static void WriteNumber(Stream stream, int field, long value)
    {
        WriteKey(stream, field, Varint);
        WriteVarint(stream, (ulong)value);
    }

    private static void WriteText(Stream stream, int field, string text) => WriteBytes(stream, field, Encoding.UTF8.GetBytes(text));

    private static void WriteBytes(Stream stream, int field, byte[] bytes)
    {
        WriteKey(stream, field, Delimited);
        WriteVarint(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    private static void WriteVarint(Stream stream, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            stream.WriteByte((byte)(value | 0x80));
        stream.WriteByte((byte)value);
    }
}
