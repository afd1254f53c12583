// Swaps faces of CameraX frames with LiteRT. Not compiled where this file was written: there was no Android SDK.
//
// build.gradle.kts:
//   implementation("com.google.ai.edge.litert:litert:2.3.2")
//   implementation("com.google.mlkit:face-detection:16.1.7")
//   implementation("androidx.camera:camera-camera2:1.4.2")
//   implementation("androidx.camera:camera-lifecycle:1.4.2")
// app/src/main/assets/me.tflite: written by `python -m mobilefaceswap_core export --out me.tflite`
package example.faceswap

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.PointF
import android.graphics.RectF
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.android.gms.tasks.Tasks
import com.google.mlkit.vision.common.InputImage
import com.google.mlkit.vision.face.Face
import com.google.mlkit.vision.face.FaceDetection
import com.google.mlkit.vision.face.FaceDetectorOptions
import com.google.mlkit.vision.face.FaceLandmark
import kotlin.math.max
import kotlin.math.min
import kotlin.math.roundToInt

private const val SIDE = 224 // this and the following: vectors.json, crop, template, mask
private val TEMPLATE_112 = listOf(
    PointF(38.2946f, 51.6963f), PointF(73.5318f, 51.5014f), PointF(56.0252f, 71.7366f),
    PointF(41.5493f, 92.3655f), PointF(70.7299f, 92.2041f),
)
private const val THRESHOLD = 0.001f
private const val CLOSE = 11
private const val ERODE = 11
private const val BLUR = 7
private const val BORDER = 10
private const val BORDER_BLUR = 11

/** The network with one person inside. Not for several threads at once: it has one set of buffers. */
class FaceSwapper(context: Context) {
    private val model = CompiledModel.create(context.assets, "me.tflite", CompiledModel.Options(Accelerator.CPU))
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers() // face (224, 224, 3), mask (224, 224, 1)
    private val bytes = IntArray(SIDE * SIDE)
    private val paint = Paint(Paint.FILTER_BITMAP_FLAG)

    /** Draws the swapped face into a mutable frame; five: both eyes, nose tip, mouth corners, as seen in the image. */
    fun swap(frame: Bitmap, five: List<PointF>) {
        val cropFromFrame = similarity(five, TEMPLATE_112.map { PointF(it.x * SIDE / 112, it.y * SIDE / 112) })
        val crop = Bitmap.createBitmap(SIDE, SIDE, Bitmap.Config.ARGB_8888)
        Canvas(crop).drawBitmap(frame, centred(cropFromFrame), paint) // outside the frame stays black: keep faces inside
        crop.getPixels(bytes, 0, SIDE, 0, 0, SIDE, SIDE)
        val values = FloatArray(3 * SIDE * SIDE)
        for (i in bytes.indices) for (k in 0..2) values[3 * i + k] = (bytes[i] shr (16 - 8 * k) and 255) / 255f
        inputs[0].writeFloat(values)
        model.run(inputs, outputs)
        val face = outputs[0].readFloat()
        val weight = refine(outputs[1].readFloat())
        for (i in bytes.indices) {
            val alpha = (weight[i] * 255).roundToInt()
            fun level(k: Int) = (face[3 * i + k] * 255).roundToInt().coerceIn(0, 255)
            bytes[i] = (alpha shl 24) or (level(0) shl 16) or (level(1) shl 8) or level(2)
        }
        crop.setPixels(bytes, 0, SIDE, 0, 0, SIDE, SIDE)
        val frameFromCrop = Matrix().apply { check(centred(cropFromFrame).invert(this)) }
        Canvas(frame).drawBitmap(crop, frameFromCrop, paint) // the weight is the crop's transparency
    }
}

/** Finds the largest face of each frame and swaps it; show() gets the frame and must label it as a face swap. */
class SwappingAnalyzer(private val swapper: FaceSwapper, private val show: (Bitmap) -> Unit) : ImageAnalysis.Analyzer {
    private val detector = FaceDetection.getClient(
        FaceDetectorOptions.Builder()
            .setPerformanceMode(FaceDetectorOptions.PERFORMANCE_MODE_FAST)
            .setLandmarkMode(FaceDetectorOptions.LANDMARK_MODE_ALL)
            .build(),
    )

    /** Build the use case with OUTPUT_IMAGE_FORMAT_RGBA_8888, STRATEGY_KEEP_ONLY_LATEST and an executor of its own. */
    override fun analyze(image: ImageProxy) = image.use {
        val turn = Matrix().apply { postRotate(image.imageInfo.rotationDegrees.toFloat()) }
        val sensed = image.toBitmap()
        val frame = Bitmap.createBitmap(sensed, 0, 0, sensed.width, sensed.height, turn, true)
            .copy(Bitmap.Config.ARGB_8888, true)
        val faces: List<Face> = Tasks.await(detector.process(InputImage.fromBitmap(frame, 0)))
        faces.maxByOrNull { it.boundingBox.width() }?.let(::fivePoints)?.let { swapper.swap(frame, it) }
        show(frame)
    }

    private fun fivePoints(face: Face): List<PointF>? {
        val kinds = listOf(
            FaceLandmark.LEFT_EYE, FaceLandmark.RIGHT_EYE, FaceLandmark.NOSE_BASE,
            FaceLandmark.MOUTH_LEFT, FaceLandmark.MOUTH_RIGHT,
        )
        val (leftEye, rightEye, nose, leftMouth, rightMouth) =
            kinds.map { face.getLandmark(it)?.position ?: return null }
        // ML Kit names sides as the person does; the network wants them as they are seen.
        val eyes = listOf(leftEye, rightEye).sortedBy { it.x }
        val mouth = listOf(leftMouth, rightMouth).sortedBy { it.x }
        // The base of the nose lies below its tip, which the template means: a third of the way back to the eyes.
        val tip = PointF(nose.x, nose.y - (nose.y - (eyes[0].y + eyes[1].y) / 2) / 3)
        return listOf(eyes[0], eyes[1], tip, mouth[0], mouth[1])
    }
}

/** The least-squares rotation, scale and shift that takes points a to points b. */
private fun similarity(a: List<PointF>, b: List<PointF>): Matrix {
    val (ax, ay) = Pair(a.sumOf { it.x.toDouble() } / a.size, a.sumOf { it.y.toDouble() } / a.size)
    val (bx, by) = Pair(b.sumOf { it.x.toDouble() } / b.size, b.sumOf { it.y.toDouble() } / b.size)
    var spread = 0.0
    var re = 0.0
    var im = 0.0
    for ((p, q) in a.zip(b)) {
        val (px, py) = Pair(p.x - ax, p.y - ay)
        val (qx, qy) = Pair(q.x - bx, q.y - by)
        spread += px * px + py * py
        re += px * qx + py * qy
        im += px * qy - py * qx
    }
    re /= spread
    im /= spread
    val values = listOf(re, -im, bx - re * ax + im * ay, im, re, by - im * ax - re * ay, 0.0, 0.0, 1.0)
    return Matrix().apply { setValues(FloatArray(9) { values[it].toFloat() }) }
}

/** Android's pixels begin at their corner, those of the points lie around whole numbers: half a pixel on both sides. */
private fun centred(matrix: Matrix) = Matrix(matrix).apply {
    preTranslate(-0.5f, -0.5f)
    postTranslate(0.5f, 0.5f)
}

/** What the swapped pixels count: the mask, faded to nothing at its own edge and at the crop's border. */
private fun refine(mask: FloatArray): FloatArray {
    var solid = FloatArray(mask.size) { if (mask[it] > THRESHOLD) 1f else 0f }
    solid = overSquare(overSquare(solid, CLOSE, 0f, ::max), CLOSE, 1f, ::min) // closes holes
    solid = boxBlur(overSquare(solid, ERODE, 0f, ::min), BLUR)
    val inside = RectF(BORDER.toFloat(), BORDER.toFloat(), (SIDE - BORDER).toFloat(), (SIDE - BORDER).toFloat())
    val fade = boxBlur(
        FloatArray(mask.size) { if (inside.contains((it % SIDE).toFloat(), (it / SIDE).toFloat())) 1f else 0f },
        BORDER_BLUR,
    )
    return FloatArray(mask.size) { mask[it] * solid[it] * fade[it] }
}

private fun overSquare(image: FloatArray, side: Int, outside: Float, combine: (Float, Float) -> Float): FloatArray {
    fun pass(from: FloatArray, step: Int) = FloatArray(from.size) { at ->
        val place = if (step == 1) at % SIDE else at / SIDE
        (-side / 2..side / 2).fold(from[at]) { result, i ->
            combine(result, if (place + i in 0 until SIDE) from[at + i * step] else outside)
        }
    }
    return pass(pass(image, 1), SIDE)
}

private fun boxBlur(image: FloatArray, side: Int): FloatArray {
    fun mirrored(i: Int) = if (i < 0) -i else if (i >= SIDE) 2 * SIDE - 2 - i else i
    fun pass(from: FloatArray, step: Int) = FloatArray(from.size) { at ->
        val place = if (step == 1) at % SIDE else at / SIDE
        var sum = 0f
        for (i in -side / 2..side / 2) sum += from[at + (mirrored(place + i) - place) * step]
        sum / side
    }
    return pass(pass(image, 1), SIDE)
}
