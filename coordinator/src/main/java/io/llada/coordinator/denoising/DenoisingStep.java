package io.llada.coordinator.denoising;

/// The state of a sequence after one denoising step.
///
/// @param block absolute index of the block
/// @param answerBlock index counted from the first block with answer positions
/// @param blockStart absolute position of the block's first token
/// @param blockEnd absolute position after the block's last token
/// @param step denoising step within the block, from 0
/// @param window token ids from position 0 to the end of the block (of the canvas, with full attention)
/// @param masked absolute positions of the block that are still masked
/// @param committed absolute positions written by this step
/// @param confidences of the written tokens, in the same order
public record DenoisingStep(int block, int answerBlock, int blockStart, int blockEnd, int step, int[] window,
    int[] masked,
    int[] committed, float[] confidences) {}
